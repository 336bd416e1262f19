//! Handovers, and what becomes of those that fail.

use std::{sync::Arc, time::Duration};

use super::fake::{Fate, Scene, config, leading_to};
use crate::{
    allocation::Plan,
    messages::{ConfigWritten, PlanChanged},
};

#[actix_rt::test]
async fn haproxy_starts_once_a_configuration_is_on_disk_and_its_free_ports_are_closed() {
    let scene = Scene::new(|_| {});
    scene.settle().await;
    assert!(scene.host.generations().is_empty());
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.generations(), [1]);
    assert_eq!(scene.host.deeds_to(1), ["disable frontend p5001"]);
    let applied = &scene.log.saying("plan applied")[0];
    let fields = ["revision", "step", "mapped", "free", "withheld"].map(|field| applied.field(field));
    assert_eq!(fields, ["1", "start", "1", "1", "0"]);
}

#[actix_rt::test]
async fn a_newer_revision_of_the_same_text_touches_nothing() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    let deeds = scene.host.deeds_to(1);
    scene.write(config(2, "a")).await;
    assert_eq!(scene.host.generations(), [1]);
    assert_eq!(scene.host.deeds_to(1), deeds);
}

#[actix_rt::test]
async fn a_handover_lets_the_old_one_drain_only_once_the_new_one_serves() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    let host = scene.host.0.borrow();
    assert_eq!(host.launches[1].1.inherit, Some(1));
    let order: Vec<_> = host.deeds.iter().map(|(generation, deed)| (*generation, deed.as_str())).collect();
    let handover = [(2, "disable frontend p5001"), (1, "USR1"), (1, "retired"), (1, "forgotten")];
    assert_eq!(order[1..], handover);
}

#[actix_rt::test]
async fn of_a_burst_during_a_handover_only_the_newest_follows() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    for revision in 2..=20 {
        let config = Arc::new(config(revision, &format!("text {revision}")));
        scene.supervisor.do_send(ConfigWritten { config, covers: revision });
    }
    scene.settle().await;
    let texts: Vec<_> =
        scene.host.0.borrow().launches.iter().map(|(_, l)| String::from(l.config.frame.clone())).collect();
    assert_eq!(texts, ["a", "text 2", "text 20"]);
}

fn plan(revision: u64) -> PlanChanged {
    PlanChanged(Arc::new(Plan { revision, mappings: vec![] }))
}

#[actix_rt::test]
async fn what_a_newer_plan_is_about_to_replace_is_not_applied() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.supervisor.do_send(plan(3));
    scene.write(config(2, "b")).await;
    assert_eq!(scene.host.generations(), [1]);
    scene.write(config(3, "c")).await;
    assert_eq!(scene.host.generations(), [1, 2]);
}

#[actix_rt::test]
async fn when_nothing_serves_no_newer_plan_is_waited_for() {
    let scene = Scene::new(|_| {});
    scene.supervisor.do_send(plan(2));
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.running(), [1]);
    scene.supervisor.do_send(plan(3));
    scene.write(config(2, "b")).await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
}

#[actix_rt::test]
async fn plans_that_come_faster_than_they_are_written_do_not_keep_all_of_them_from_being_applied() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "text 1")).await;
    for revision in 2..=6 {
        scene.supervisor.do_send(plan(revision + 1));
        scene.write(config(revision, &format!("text {revision}"))).await;
    }
    let texts: Vec<_> =
        scene.host.0.borrow().launches.iter().map(|(_, l)| String::from(l.config.frame.clone())).collect();
    assert_eq!(texts, ["text 1", "text 3", "text 5"]);
}

#[actix_rt::test]
async fn the_last_good_configuration_is_applied_when_the_newer_plan_cannot_be_written() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.supervisor.do_send(plan(3));
    scene.supervisor.do_send(ConfigWritten { config: Arc::new(config(2, "b")), covers: 3 });
    scene.settle().await;
    assert_eq!(scene.host.generations(), [1, 2]);
}

#[actix_rt::test]
async fn a_successor_that_never_answers_is_killed_and_the_old_one_serves_on_with_its_free_ports_closed() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Mute]));
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    assert_eq!(scene.host.running(), [1, 2]);
    scene.wait(Duration::from_secs(21)).await;
    assert_eq!(scene.host.deeds_to(2), ["KILL", "forgotten"]);
    let repair = ["enable frontend p5000", "enable frontend p5001", "disable frontend p5001"];
    assert_eq!(scene.host.deeds_to(1)[1..4], repair);
    assert_eq!(scene.host.generations(), [1, 2, 3]);
    assert_eq!(scene.host.running(), [3]);
}

#[actix_rt::test]
async fn a_successor_that_dies_leaves_the_old_one_serving_and_is_tried_again() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    assert!(scene.host.running().contains(&1));
    scene.wait(Duration::from_secs(1)).await;
    assert_eq!(scene.host.running(), [4]);
    let failed = scene.log.saying("haproxy did not get to serve");
    let told = |field| failed.iter().map(|line| line.field(field)).collect::<Vec<_>>();
    assert_eq!((told("generation"), told("revision")), (vec!["2", "3"], vec!["2", "2"]));
    assert_eq!((told("error"), told("old_one_serves")), (vec!["exit code 1"; 2], vec!["true"; 2]));
}

#[actix_rt::test]
async fn a_live_one_that_does_not_answer_drains_since_nobody_could_take_over_from_it() {
    let scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Die]));
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Mute);
    scene.write(config(2, "b")).await;
    scene.settle().await;
    assert_eq!(scene.host.deeds_to(1)[1..], ["USR1", "forgotten"]);
    assert_eq!(scene.host.running(), [3]);
    assert_eq!(scene.host.0.borrow().launches[2].1.inherit, None);
}

#[actix_rt::test]
async fn a_live_one_that_somebody_else_told_to_drain_is_replaced() {
    let scene = Scene::new(|host| {
        host.fates.extend([Fate::Serve, Fate::Die]);
        host.ignores = [(1, "USR1")].into();
    });
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Die);
    scene.write(config(2, "b")).await;
    scene.settle().await;
    assert_eq!(scene.host.running(), [1, 3], "its connections go on");
    assert_eq!(scene.host.0.borrow().launches[2].1.inherit, None);
}

#[actix_rt::test]
async fn one_that_drains_is_not_killed_because_somebody_else_has_taken_one_of_its_ports() {
    let scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(leading_to(1, "a", &[(5000, Some("10.42.0.7:80")), (5001, Some("10.42.0.8:80"))])).await;
    scene.host.turns(1, Fate::Die);
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.write(config(2, "b")).await;
    scene.wait(Duration::from_secs(2)).await;
    assert_eq!(scene.host.running(), [1], "its connections go on");
    assert_eq!(*scene.withheld.lock().unwrap(), [[5001].into()]);
}

#[actix_rt::test]
async fn nothing_is_started_before_what_was_killed_has_ended() {
    let scene = Scene::new(|host| {
        host.fates.extend([Fate::Serve, Fate::Mute]);
        host.ignores = [(2, "KILL")].into();
    });
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    scene.wait(Duration::from_secs(60)).await;
    assert_eq!(scene.host.generations(), [1, 2]);
    scene.host.end(2, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [3]);
}
