//! What the supervisor reports of HAProxy.

use std::time::Duration;

use super::fake::{Fate, RECONCILE, Scene, config, leading_to};
use crate::{
    messages::{HaproxyState, Pending, ReportHaproxy},
    testing::ms,
};

impl Scene {
    pub(super) async fn report(&self) -> HaproxyState {
        self.supervisor.send(ReportHaproxy).await.unwrap().state
    }
}

#[actix_rt::test]
async fn it_runs_with_the_newest_plan_that_is_in_force() {
    let scene = Scene::new(|_| {});
    assert_eq!(scene.report().await, HaproxyState::NoPlan);
    for revision in [3, 4] {
        scene.write(config(revision, "a")).await;
        let HaproxyState::Running { revision: in_force, .. } = scene.report().await else {
            panic!("{:?}", scene.report().await);
        };
        assert_eq!(in_force, Some(revision));
    }
}

#[actix_rt::test]
async fn one_that_cannot_be_started_is_down_until_it_can() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die, Fate::Die]));
    scene.write(config(1, "a")).await;
    let failure = "haproxy failed to start: exit code 1".to_owned();
    assert_eq!(scene.report().await, HaproxyState::Down { failure: Some(failure) });
    scene.wait(Duration::from_secs(1)).await;
    assert!(matches!(scene.report().await, HaproxyState::Running { revision: Some(1), .. }));
}

#[actix_rt::test]
async fn a_plan_that_is_not_in_force_is_told_of_with_what_failed() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die, Fate::Die]));
    scene.write(config(1, "a")).await;
    assert!(matches!(scene.report().await, HaproxyState::Running { pending: None, .. }));
    scene.write(leading_to(2, "b", &[(5000, None), (5001, None), (5002, None)])).await;
    let failure = Some("haproxy failed to start: exit code 1".to_owned());
    let HaproxyState::Running { revision, pending, .. } = scene.report().await else { panic!("it serves") };
    assert_eq!((revision, pending), (Some(1), Some(Pending { revision: 2, failure })));
    scene.wait(Duration::from_secs(1)).await;
    let report = scene.report().await;
    assert!(matches!(report, HaproxyState::Running { revision: Some(2), pending: None, .. }), "{report:?}");
}

/// What is told of one that turns like this, and what is told when it ends by a signal after that.
async fn told_of(fate: Fate) -> [HaproxyState; 2] {
    let scene = Scene::new(|host| {
        host.fates.extend([Fate::Serve, Fate::Missing]);
        host.ignores = [(1, "USR1")].into();
    });
    scene.write(config(1, "a")).await;
    scene.host.turns(1, fate);
    scene.wait(RECONCILE - ms(30)).await;
    while matches!(scene.report().await, HaproxyState::Running { .. }) {
        scene.wait(ms(1)).await;
    }
    let given_up = scene.report().await;
    scene.host.end(1, "signal 9");
    scene.wait(ms(1)).await;
    [given_up, scene.report().await]
}

fn down(failures: [&str; 2]) -> [HaproxyState; 2] {
    failures.map(|failure| HaproxyState::Down { failure: Some(failure.to_owned()) })
}

#[actix_rt::test]
async fn one_that_hangs_is_down_and_its_death_is_the_reason_once_it_is_seen() {
    assert_eq!(told_of(Fate::Mute).await, down(["haproxy does not answer", "haproxy died: signal 9"]));
}

#[actix_rt::test]
async fn one_that_listens_no_more_is_down_and_its_death_is_the_reason_once_it_is_seen() {
    assert_eq!(told_of(Fate::Die).await, down(["haproxy runtime API is closed", "haproxy died: signal 9"]));
}
