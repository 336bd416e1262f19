//! HAProxies that an earlier stalls process left behind.

use super::{
    super::super::host::{Leftover, Record},
    fake::{DRAIN, Fate, Scene, config, leading_to},
};
use crate::{
    config::HaproxyConfig,
    haproxy::Command,
    messages::{HaproxyState, Leave},
    testing::ms,
};

fn leftover(generation: u64, config: Option<HaproxyConfig>) -> Leftover {
    let record =
        config.map(|config| Record { revision: config.revision, frame: config.frame.digest.clone() });
    Leftover { generation, pid: 500 + u32::try_from(generation).unwrap(), record }
}

#[actix_rt::test]
async fn a_haproxy_left_behind_serves_on_when_nothing_differs() {
    let scene = Scene::new(|host| host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.write(config(2, "a")).await;
    assert!(scene.host.generations().is_empty());
    let repair = ["enable frontend p5000", "enable frontend p5001", "disable frontend p5001"];
    assert_eq!(scene.host.deeds_to(4), repair);
    assert_eq!(scene.log.saying("plan applied")[0].field("step"), "nothing");
}

#[actix_rt::test]
async fn a_haproxy_left_behind_is_told_of_what_has_changed_meanwhile_whoever_changed_it() {
    let scene = Scene::new(|host| {
        host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)];
        // Its record does not know what it was told since its start.
        host.haproxy(4, 504).answer(Command::EnableFrontend(5001));
    });
    scene.write(leading_to(2, "a", &[(5000, Some("10.42.0.9:8080")), (5001, None)])).await;
    assert!(scene.host.generations().is_empty());
    let told = [
        "disable frontend p5001",
        "set server p5001/c state maint",
        "shutdown sessions server p5001/c",
        "set server p5000/c addr 10.42.0.9 port 8080",
        "shutdown sessions server p5000/c",
    ];
    assert_eq!(scene.host.deeds_to(4)[2..], told);
    assert_eq!(scene.log.saying("plan applied")[0].field("changes"), "2");
}

#[actix_rt::test]
async fn a_haproxy_left_behind_hands_over_to_another_frame() {
    let scene = Scene::new(|host| host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.write(config(2, "b")).await;
    assert_eq!(scene.host.running(), [5]);
    assert_eq!(scene.host.0.borrow().launches[0].1.inherit, Some(4));
}

#[actix_rt::test]
async fn one_whose_configuration_is_unknown_hands_over_too() {
    let scene = Scene::new(|host| host.leftovers = vec![(leftover(4, None), Fate::Serve)]);
    scene.write(config(2, "a")).await;
    assert_eq!(scene.host.running(), [5]);
}

#[actix_rt::test]
async fn of_several_the_newest_that_answers_serves_and_the_others_drain() {
    let scene = Scene::new(|host| {
        let left = |generation, fate| (leftover(generation, Some(config(1, "a"))), fate);
        host.leftovers = vec![left(2, Fate::Serve), left(4, Fate::Serve), left(3, Fate::Die)];
    });
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.running(), [4]);
    assert_eq!(scene.host.deeds_to(2), ["USR1", "socket removed", "folder removed"]);
    assert!(scene.host.generations().is_empty());
}

#[actix_rt::test]
async fn one_that_holds_the_ports_and_does_not_answer_is_killed() {
    let scene = Scene::new(|host| host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Mute)]);
    scene.write(config(1, "a")).await;
    assert_eq!(scene.host.deeds_to(4)[0], "KILL");
    assert_eq!(scene.host.running(), [5]);
}

/// It hangs before its ports have been seen, of which it has opened one that is free now.
fn hanging_unseen() -> Scene {
    Scene::new(|host| {
        host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)];
        host.hangs_at = Some("show servers state".into());
        host.ignores = [(4, "USR1")].into();
        host.taken_ports = [5001].into();
        host.freed_by_end = [(4, 5001)].into();
    })
}

#[actix_rt::test]
async fn one_that_hangs_before_its_ports_have_been_seen_is_killed() {
    let scene = hanging_unseen();
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().hangs_at = None;
    scene.wait(ms(1_200)).await;
    assert_eq!(scene.host.running(), [5]);
    assert!(scene.excluded.lock().unwrap().is_empty());
}

#[actix_rt::test]
async fn one_that_hangs_before_there_is_a_configuration_is_killed_too() {
    let scene = hanging_unseen();
    scene.wait(ms(1_200)).await;
    assert_eq!(scene.host.deeds_to(4), ["USR1", "KILL", "folder removed"]);
}

/// Seed 167: without its socket the next stalls took it for one that drains, and left it with the ports for ever.
#[actix_rt::test]
async fn one_that_hangs_keeps_its_socket_until_it_has_let_go_of_its_ports() {
    let scene = hanging_unseen();
    scene.wait(ms(900)).await;
    assert_eq!(scene.host.deeds_to(4), ["USR1"]);
}

#[actix_rt::test]
async fn a_stop_before_it_is_known_what_was_left_behind_ends_that_too() {
    let mut scene =
        Scene::new(|host| host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.shut_down(Leave::Drained);
    scene.end().await;
    assert!(scene.host.deeds_to(4).contains(&"USR1".into()));
    assert!(scene.host.running().is_empty());
}

#[actix_rt::test]
async fn a_stop_waits_no_longer_because_it_is_not_known_yet_what_was_left_behind() {
    let mut scene = Scene::new(|host| {
        host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)];
        host.answer_takes = ms(5_000);
        host.ignores = [(4, "USR1")].into();
    });
    scene.shut_down(Leave::Drained);
    let took = scene.end().await;
    assert!(DRAIN <= took && took < DRAIN + ms(10), "{took:?}");
}

#[actix_rt::test]
async fn a_haproxy_left_behind_that_cannot_be_asked_for_want_of_descriptors_is_not_killed() {
    let scene = Scene::new(|host| {
        host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)];
        host.is_exhausted = true;
    });
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().is_exhausted = false;
    scene.wait(ms(1100)).await;
    assert_eq!((scene.host.running(), scene.host.generations()), (vec![4], vec![]));
    assert_eq!(scene.log.saying("plan applied")[0].field("step"), "nothing");
}

#[actix_rt::test]
async fn one_that_was_left_behind_runs_before_anybody_has_told_it_anything() {
    let scene = Scene::new(|host| host.leftovers = vec![(leftover(4, Some(config(1, "a"))), Fate::Serve)]);
    scene.wait(ms(100)).await;
    assert!(matches!(scene.report().await, HaproxyState::Running { revision: None, .. }));
}

#[actix_rt::test]
async fn of_two_with_one_number_the_one_that_answers_is_ours_and_the_other_is_let_alone() {
    let impostor = Leftover { pid: 77, ..leftover(4, Some(config(1, "a"))) };
    // The socket of generation 4 answers for the process 504.
    let found = vec![(impostor, Fate::Serve), (leftover(4, Some(config(1, "a"))), Fate::Serve)];
    let scene = Scene::new(|host| {
        host.haproxy(4, 504);
        host.leftovers = found;
    });
    scene.write(config(2, "a")).await;
    let refused = scene.log.saying("process has the arguments of another haproxy, leaving it alone");
    assert_eq!((refused.len(), refused[0].field("haproxy_pid")), (1, "77"));
    assert_eq!(scene.log.saying("plan applied")[0].field("step"), "nothing");
    assert!(!scene.host.deeds_to(4).iter().any(|deed| deed == "USR1" || deed == "socket removed"));
}
