//! What whoever asks is told of HAProxy.

use std::time::Duration;

use super::fake::{Fate, Scene, config};
use crate::messages::{HaproxyReport, ReportHaproxy};

impl Scene {
    pub(super) async fn report(&self) -> HaproxyReport {
        self.supervisor.send(ReportHaproxy).await.unwrap()
    }
}

#[actix_rt::test]
async fn it_runs_with_the_newest_plan_that_is_in_force() {
    let scene = Scene::new(|_| {});
    assert_eq!(scene.report().await, HaproxyReport::NoPlan);
    for revision in [3, 4] {
        scene.write(config(revision, "a")).await;
        let HaproxyReport::Running { revision: in_force, .. } = scene.report().await else {
            panic!("{:?}", scene.report().await);
        };
        assert_eq!(in_force, Some(revision));
    }
}

#[actix_rt::test]
async fn one_that_cannot_be_started_is_down_until_it_can() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Die, Fate::Die]));
    scene.write(config(1, "a")).await;
    let failure = "haproxy did not get to serve: exit code 1".to_owned();
    assert_eq!(scene.report().await, HaproxyReport::Down { failure: Some(failure) });
    scene.wait(Duration::from_secs(1)).await;
    assert!(matches!(scene.report().await, HaproxyReport::Running { revision: Some(1), .. }));
}
