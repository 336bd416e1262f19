//! Ending them, at once or when their connections have.

use std::{collections::BTreeMap, time::Duration};

use super::fake::{DRAIN, Fate, MAX_DRAINING, Scene, config};
use crate::messages::Leave;

#[actix_rt::test]
async fn a_stop_drains_and_ends_as_soon_as_the_last_connection_has() {
    let mut scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(config(1, "a")).await;
    scene.shut_down(Leave::Drained);
    scene.wait(Duration::from_secs(3)).await;
    assert_eq!(scene.host.running(), [1]);
    scene.host.end(1, "exit code 0");
    assert!(scene.end().await < Duration::from_millis(10));
    assert_eq!(scene.host.deeds_to(1)[1..], ["USR1", "socket removed", "folder removed"]);
}

#[actix_rt::test]
async fn connections_that_outlive_the_drain_time_are_cut() {
    let mut scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(config(1, "a")).await;
    scene.shut_down(Leave::Drained);
    let took = scene.end().await;
    assert!(DRAIN <= took && took < DRAIN + Duration::from_millis(10), "{took:?}");
    assert!(scene.host.deeds_to(1).contains(&"TERM".into()));
}

/// What is said of the connections that are cut, where this is known of the generations 1 and 2.
async fn said_when_cut(known: impl Into<BTreeMap<u64, usize>>) -> String {
    let mut scene = Scene::new(|host| {
        host.ignores = [(1, "USR1"), (2, "USR1")].into();
        host.connections = known.into();
    });
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    scene.shut_down(Leave::Drained);
    scene.end().await;
    scene.log.saying("drain time is over, connections are cut")[0].field("connections").to_owned()
}

#[actix_rt::test]
async fn it_says_how_many_connections_all_processes_had_that_are_cut() {
    assert_eq!(said_when_cut([(1, 2), (2, 3)]).await, "5");
}

#[actix_rt::test]
async fn it_does_not_say_how_many_connections_are_cut_if_nobody_knows() {
    assert_eq!(said_when_cut([(2, 3)]).await, "");
}

#[actix_rt::test]
async fn what_does_not_end_when_it_is_told_to_is_killed() {
    let mut scene = Scene::new(|host| host.ignores = [(1, "USR1"), (1, "TERM")].into());
    scene.write(config(1, "a")).await;
    scene.shut_down(Leave::Drained);
    let took = scene.end().await;
    assert!(took < DRAIN + Duration::from_millis(1100), "{took:?}");
    assert!(scene.host.running().is_empty());
}

#[actix_rt::test]
async fn a_second_stop_cuts_short() {
    let mut scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(config(1, "a")).await;
    scene.shut_down(Leave::Drained);
    scene.shut_down(Leave::Cut);
    assert!(scene.end().await < Duration::from_millis(10));
}

#[actix_rt::test]
async fn a_step_under_way_is_given_up() {
    let mut scene = Scene::new(|host| host.fates.extend([Fate::Serve, Fate::Mute]));
    scene.write(config(1, "a")).await;
    scene.write(config(2, "b")).await;
    scene.shut_down(Leave::Drained);
    assert!(scene.end().await < Duration::from_millis(10));
    assert!(scene.host.running().is_empty());
}

#[actix_rt::test]
async fn an_internal_fault_leaves_haproxy_serving() {
    let mut scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.shut_down(Leave::Serving);
    scene.end().await;
    assert_eq!(scene.host.running(), [1]);
    assert_eq!(scene.host.deeds_to(1), ["disable frontend p5001"]);
}

#[actix_rt::test]
async fn a_stop_ends_the_waiting_for_the_next_start() {
    let mut scene = Scene::new(|host| host.fates.extend([Fate::Die; 30]));
    scene.write(config(1, "a")).await;
    scene.wait(Duration::from_secs(60)).await;
    scene.shut_down(Leave::Drained);
    assert!(scene.end().await < Duration::from_millis(10));
}

#[actix_rt::test]
async fn no_more_than_so_many_drain_and_it_is_said_what_ends_the_oldest() {
    let most = u64::try_from(MAX_DRAINING).unwrap();
    let mut scene = Scene::new(|host| {
        host.ignores = (1..=most + 3).map(|generation| (generation, "USR1")).collect();
        host.connections = [(1, 3)].into();
    });
    for generation in 1..=most + 1 {
        scene.write(config(generation, &generation.to_string())).await;
    }
    let message = "too many haproxy processes drain, ending the oldest";
    assert_eq!(scene.log.saying(message).len(), 0);
    assert_eq!(scene.host.running().len(), MAX_DRAINING + 1);
    for generation in most + 2..=most + 3 {
        scene.write(config(generation, &generation.to_string())).await;
    }
    assert_eq!(scene.host.running(), (3..=most + 3).collect::<Vec<_>>());
    let said = scene.log.saying(message);
    let of = |line: usize| (said[line].field("generation"), said[line].field("connections"));
    assert_eq!((said.len(), of(0), of(1)), (2, ("1", "3"), ("2", "")));
    assert_eq!(said[0].field("max_draining"), "16");
    assert!(scene.log.saying("haproxy died").is_empty(), "it was ended");
    scene.shut_down(Leave::Cut);
    scene.end().await;
}
