//! What others do to the live HAProxy, or what it does of its own.

use super::fake::{Fate, RECONCILE, Scene, config, leading_to};
use crate::{haproxy::Command, testing::ms};

const CHANGED: &str = "haproxy runtime state was changed externally, repairing";

#[actix_rt::test]
async fn what_somebody_else_has_changed_is_told_and_set_right() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().haproxy(1, 1001).answer(Command::DisableFrontend(5000));
    scene.host.0.borrow_mut().haproxy(1, 1001).answer(Command::EnableFrontend(5001));
    assert_eq!(scene.log.saying(CHANGED).len(), 0);
    scene.wait(RECONCILE).await;
    scene.settle().await;
    let told = scene.log.saying(CHANGED);
    let fields = ["ports", "port", "found", "left"].map(|field| told[0].field(field));
    assert_eq!((told.len(), fields), (1, ["2", "5000", "10.42.0.7:8080, refuses", "10.42.0.7:8080"]));
    assert!(scene.host.0.borrow_mut().haproxy(1, 1001).connect(5000).is_some());
    assert!(scene.host.0.borrow_mut().haproxy(1, 1001).connect(5001).is_none());
    assert_eq!(scene.log.saying("plan applied")[1].field("changes"), "2");
    assert_eq!(scene.host.generations(), [1]);
}

#[actix_rt::test]
async fn as_long_as_nobody_interferes_nothing_is_said_and_nothing_is_done() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.write(leading_to(2, "a", &[(5000, None), (5001, Some("10.42.0.9:80"))])).await;
    let deeds = scene.host.deeds_to(1);
    scene.wait(RECONCILE * 20).await;
    assert_eq!(scene.host.deeds_to(1), deeds);
    assert_eq!(scene.log.troubles(), [] as [String; 0]);
    assert_eq!(scene.log.saying("plan applied").len(), 2);
}

#[actix_rt::test]
async fn what_is_not_as_the_configuration_says_right_after_a_start_is_set_right_at_once() {
    let scene = Scene::new(|host| host.refuses = [("disable frontend p5001".into(), "")].into());
    scene.write(config(1, "a")).await;
    assert!(scene.host.0.borrow_mut().haproxy(1, 1001).connect(5001).is_none());
    assert_eq!(scene.log.saying(CHANGED)[0].field("port"), "5001");
}

#[actix_rt::test]
async fn what_cannot_be_set_right_at_runtime_is_had_by_a_reload() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().haproxy(1, 1001).answer(Command::DisableFrontend(5000));
    let shut = "Frontend was previously shut down, cannot enable.";
    scene.host.0.borrow_mut().refuses.insert("enable frontend p5000".into(), shut);
    scene.wait(RECONCILE).await;
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
}

#[actix_rt::test]
async fn one_that_has_hung_since_the_last_change_is_replaced() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Mute);
    scene.wait(RECONCILE).await;
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.log.saying("haproxy does not answer, replacing it").len(), 1);
}

#[actix_rt::test]
async fn one_that_dies_during_a_look_is_said_to_have_died() {
    let scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Die);
    scene.wait(RECONCILE).await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.log.saying("haproxy died").len(), 1);
}

#[actix_rt::test]
async fn one_that_listens_no_more_is_replaced_and_its_connections_go_on() {
    let scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Die);
    scene.wait(RECONCILE).await;
    scene.settle().await;
    assert_eq!(scene.host.running(), [1, 2]);
}

#[actix_rt::test]
async fn a_change_that_is_made_during_a_look_is_not_taken_for_somebody_elses() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    for round in 0..50_u64 {
        let server = format!("10.42.0.{}:80", round + 10);
        // At each place within the millisecond that a look takes, and around it.
        scene.wait(RECONCILE - ms(27) - ms(4) + ms(round % 8)).await;
        scene.write(leading_to(round + 2, "a", &[(5000, Some(&server)), (5001, None)])).await;
    }
    assert_eq!(scene.log.troubles(), [] as [String; 0]);
}
