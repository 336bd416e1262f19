//! HAProxies that an earlier stalls left behind.

use std::sync::Arc;

use super::{
    super::super::process::Survivor,
    fake::{Fate, Scene, config},
};
use crate::{config::HaproxyConfig, messages::Leave};

fn survivor(generation: u64, config: Option<HaproxyConfig>) -> Survivor {
    Survivor { generation, pid: 500 + u32::try_from(generation).unwrap(), config: config.map(Arc::new) }
}

#[actix_rt::test]
async fn a_haproxy_left_behind_serves_on_when_nothing_differs() {
    let scene = Scene::new(|host| host.survivors = vec![(survivor(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.write(config(2, "a")).await;
    assert!(scene.host.generations().is_empty());
    let repair = ["enable frontend p5000", "enable frontend p5001", "disable frontend p5001"];
    assert_eq!(scene.host.deeds_to(4), repair);
    assert_eq!(scene.log.saying("plan applied")[0].field("step"), "nothing");
}

#[actix_rt::test]
async fn a_haproxy_left_behind_hands_over_to_what_differs() {
    let scene = Scene::new(|host| host.survivors = vec![(survivor(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.write(config(2, "b")).await;
    assert_eq!(scene.host.running(), [5]);
    assert_eq!(scene.host.0.borrow().launches[0].1.inherit, Some(4));
}

#[actix_rt::test]
async fn one_whose_configuration_is_unknown_hands_over_too() {
    let scene = Scene::new(|host| host.survivors = vec![(survivor(4, None), Fate::Serve)]);
    scene.write(config(2, "a")).await;
    assert_eq!(scene.host.running(), [5]);
}

#[actix_rt::test]
async fn of_several_the_newest_that_answers_serves_and_the_others_drain() {
    let scene = Scene::new(|host| {
        let left = |generation, fate| (survivor(generation, Some(config(1, "a"))), fate);
        host.survivors = vec![left(2, Fate::Serve), left(4, Fate::Serve), left(3, Fate::Die)];
    });
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.running(), [4]);
    assert_eq!(scene.host.deeds_to(2), ["USR1", "retired", "forgotten"]);
    assert!(scene.host.generations().is_empty());
}

#[actix_rt::test]
async fn one_that_holds_the_ports_and_does_not_answer_is_killed() {
    let scene = Scene::new(|host| host.survivors = vec![(survivor(4, Some(config(1, "a"))), Fate::Mute)]);
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.deeds_to(4)[0], "KILL");
    assert_eq!(scene.host.running(), [5]);
}

#[actix_rt::test]
async fn a_stop_before_it_is_known_what_was_left_behind_ends_that_too() {
    let mut scene =
        Scene::new(|host| host.survivors = vec![(survivor(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.shut_down(Leave::Drained);
    scene.end().await;
    assert!(scene.host.deeds_to(4).contains(&"USR1".into()));
    assert!(scene.host.running().is_empty());
}
