//! Changes that the live HAProxy is told of.

use super::fake::{Fate, Host, Scene, config, leading_to};
use crate::{messages::Leave, testing::ms};

const ONE: Option<&str> = Some("10.42.0.7:8080");
const OTHER: Option<&str> = Some("10.42.0.8:8080");

#[actix_rt::test]
async fn a_change_within_the_frame_is_told_to_the_live_haproxy() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    assert_eq!(scene.host.generations(), [1]);
    let told = [
        "set server p5001/c addr 10.42.0.8 port 8080",
        "set server p5001/c state ready",
        "set server p5001/c weight 100%",
        "enable frontend p5001",
    ];
    assert_eq!(scene.host.deeds_to(1)[1..], told);
    let applied = &scene.log.saying("plan applied")[1];
    let fields = ["revision", "step", "changes", "mapped", "free"].map(|field| applied.field(field));
    assert_eq!(fields, ["2", "runtime", "1", "2", "0"]);
}

#[actix_rt::test]
async fn what_haproxy_can_be_told_follows_from_the_plan_alone() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.send_plan(&leading_to(2, "a", &[(5000, ONE), (5001, OTHER)]));
    scene.settle().await;
    let server = scene.host.0.borrow_mut().haproxy(1, 1001).connect(5001);
    assert_eq!(server, Some(OTHER.unwrap().parse().unwrap()));
    assert_eq!(scene.log.saying("plan applied")[1].field("step"), "runtime");
}

#[actix_rt::test]
async fn one_that_dies_right_after_a_change_is_started_again_with_it() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.send_plan(&leading_to(2, "a", &[(5000, OTHER), (5001, None)]));
    scene.settle().await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    let launched = scene.host.0.borrow().launches[1].1.config.clone();
    assert_eq!((launched.revision, launched.routes[&5000]), (2, Some(OTHER.unwrap().parse().unwrap())));
}

#[actix_rt::test]
async fn a_port_is_opened_only_once_its_new_address_is_in_force() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().looks_to_effect = 30;
    scene.send(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)]));
    while scene.host.0.borrow().looks_to_effect > 0 {
        assert!(scene.host.deeds_to(1).len() <= 2, "the address only");
        scene.wait(ms(1)).await;
    }
    scene.settle().await;
    assert_eq!(scene.host.deeds_to(1).last().unwrap(), "enable frontend p5001");
}

#[actix_rt::test]
async fn of_a_burst_during_a_change_only_the_newest_follows() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    for last in 10..30 {
        let server = format!("10.42.0.{last}:80");
        scene.send(leading_to(last, "a", &[(5000, ONE), (5001, Some(&server))]));
    }
    scene.settle().await;
    let told: Vec<_> = scene
        .host
        .deeds_to(1)
        .into_iter()
        .filter(|deed| deed.starts_with("set server p5001/c addr"))
        .collect();
    assert_eq!(
        told,
        ["set server p5001/c addr 10.42.0.10 port 80", "set server p5001/c addr 10.42.0.29 port 80"]
    );
    assert_eq!(scene.log.saying("plan applied").last().unwrap().field("revision"), "29");
}

#[actix_rt::test]
async fn what_haproxy_refuses_is_had_by_a_reload_and_counted() {
    let scene =
        Scene::new(|host| host.refuses = [("enable frontend p5001".into(), "No such frontend.")].into());
    scene.write(config(1, "a")).await;
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.host.0.borrow().launches[1].1.inherit, Some(1));
    let said = &scene.log.saying("runtime update failed, reloading haproxy")[0];
    assert_eq!((said.field("fallbacks"), said.field("retry_ms")), ("1", "0"));
    assert!(said.field("error").contains("enable frontend p5001: \"No such frontend.\""), "{said:?}");
    let applied = &scene.log.saying("plan applied")[1];
    assert_eq!((applied.field("step"), applied.field("kind")), ("reload", "desync"));
}

#[actix_rt::test]
async fn a_haproxy_that_only_says_that_it_did_it_is_replaced() {
    let scene = Scene::new(|host| host.refuses = [("set server p5001/c state ready".into(), "")].into());
    scene.write(config(1, "a")).await;
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    assert_eq!(scene.host.running(), [2]);
    let said = &scene.log.saying("runtime update failed, reloading haproxy")[0];
    assert_eq!(said.field("error"), "port 5001 is not as it was told to be");
}

#[actix_rt::test]
async fn a_port_that_could_not_be_freed_leads_nowhere_while_it_is_made_sure_to_be_closed() {
    let scene = Scene::new(|host| host.refuses = [("set server p5000/c state maint".into(), "No.")].into());
    scene.write(config(1, "a")).await;
    scene.write(leading_to(2, "a", &[(5000, None), (5001, None)])).await;
    let told = scene.host.deeds_to(1);
    let repair = ["set server p5000/c state maint", "enable frontend p5000", "disable frontend p5000"];
    assert_eq!(told[4..7], repair, "{told:?}");
}

#[actix_rt::test]
async fn an_address_that_never_takes_effect_is_had_by_a_reload() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().looks_to_effect = u32::MAX;
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    scene.wait(ms(4_000)).await;
    assert_eq!(scene.host.generations(), [1]);
    scene.wait(ms(2_000)).await;
    assert_eq!(scene.host.running(), [2]);
}

#[actix_rt::test]
async fn fallbacks_that_follow_each_other_are_paced() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    for revision in 2..8 {
        scene.host.0.borrow_mut().refuses.insert("set server p5001/c weight 100%".into(), "No.");
        let server = format!("10.42.0.{revision}:80");
        scene.write(leading_to(revision, "a", &[(5000, ONE), (5001, Some(&server))])).await;
        scene.wait(ms(10_000)).await;
        scene.write(leading_to(revision, "a", &[(5000, ONE), (5001, None)])).await;
    }
    let said = scene.log.saying("runtime update failed, reloading haproxy");
    let retries: Vec<u64> = said.iter().map(|line| line.field("retry_ms").parse().unwrap()).collect();
    assert!(retries.len() == 6 && retries[0] == 0 && retries[2] > 50, "{retries:?}");
}

/// The live one hangs amid a change.
fn hanging(host: &mut Host) {
    host.hangs_at = Some("set server p5001/c state ready".into());
}

#[actix_rt::test]
async fn one_that_does_not_answer_amid_a_change_drains_and_is_replaced() {
    let scene = Scene::new(|host| {
        hanging(host);
        // It has a connection.
        host.ignores = [(1, "USR1")].into();
    });
    scene.write(config(1, "a")).await;
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    assert_eq!(scene.host.running(), [1, 2]);
    assert_eq!(scene.host.0.borrow().launches[1].1.inherit, None);
    assert_eq!(scene.log.saying("haproxy does not answer, replacing it").len(), 1);
}

#[actix_rt::test]
async fn one_that_does_not_let_go_of_its_ports_either_is_killed() {
    let scene = Scene::new(|host| {
        hanging(host);
        host.ignores = [(1, "USR1")].into();
    });
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().taken_ports = [5000].into();
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    scene.wait(ms(900)).await;
    assert_eq!(scene.host.running(), [1]);
    scene.host.0.borrow_mut().freed_by_end = [(1, 5000)].into();
    scene.wait(ms(200)).await;
    assert_eq!(scene.host.deeds_to(1).last().unwrap(), "folder removed");
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(*scene.excluded.lock().unwrap(), [] as [std::collections::BTreeSet<u16>; 0]);
    assert_eq!(scene.log.saying("haproxy did not release its ports, killing it").len(), 1);
}

#[actix_rt::test]
async fn one_that_hangs_with_a_port_that_somebody_else_has_had_it_open_is_killed_too() {
    let scene = Scene::new(|host| {
        hanging(host);
        host.ignores = [(1, "USR1")].into();
        host.freed_by_end = [(1, 5000)].into();
    });
    let free = leading_to(1, "a", &[(5000, None), (5001, None)]);
    scene.write(free).await;
    // It looks so to a program that tries to bind it; HAProxy will never say it.
    scene.host.0.borrow_mut().taken_ports = [5000].into();
    scene.write(leading_to(2, "a", &[(5000, None), (5001, OTHER)])).await;
    scene.wait(ms(2_000)).await;
    assert_eq!(scene.host.running(), [2]);
    assert!(scene.excluded.lock().unwrap().is_empty());
}

#[actix_rt::test]
async fn for_the_ports_of_one_that_has_ended_nobody_waits() {
    let scene = Scene::new(hanging);
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    assert_eq!(scene.host.running(), [] as [u64; 0]);
    assert_eq!(*scene.excluded.lock().unwrap(), [[5001].into()]);
}

#[actix_rt::test]
async fn one_that_hangs_as_soon_as_it_has_opened_a_port_is_killed_too() {
    let scene = Scene::new(|host| {
        host.hangs_at = Some("set server p5001/c weight 100%".into());
        host.ignores = [(1, "USR1")].into();
        host.freed_by_end = [(1, 5001)].into();
    });
    scene.write(leading_to(1, "a", &[(5000, None), (5001, None)])).await;
    scene.send(leading_to(2, "a", &[(5000, None), (5001, OTHER)]));
    scene.wait(ms(1)).await;
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.wait(ms(1_200)).await;
    assert_eq!(scene.host.running(), [2]);
    assert!(scene.excluded.lock().unwrap().is_empty());
}

#[actix_rt::test]
async fn replacements_that_are_as_mute_as_the_one_before_are_paced() {
    let scene = Scene::new(|host| host.hangs_at = Some("show servers state".into()));
    scene.write(config(1, "a")).await;
    scene.wait(ms(60_000)).await;
    let launches = scene.host.generations().len();
    assert!((5..=14).contains(&launches), "{launches}");
}

#[actix_rt::test]
async fn what_needs_no_reload_does_not_wait_for_one_that_fails() {
    let scene = Scene::new(|host| {
        host.fates.push_back(Fate::Serve);
        host.fates.extend([Fate::Die; 50]);
    });
    scene.write(config(1, "a")).await;
    let larger = |revision, first| leading_to(revision, "b", &[(5000, first), (5001, None), (5002, None)]);
    scene.write(larger(2, ONE)).await;
    scene.write(larger(3, OTHER)).await;
    scene.wait(ms(60_000)).await;
    assert_eq!(scene.host.running(), [1]);
    let server = scene.host.0.borrow_mut().haproxy(1, 1001).connect(5000);
    assert_eq!(server, Some(OTHER.unwrap().parse().unwrap()));
    assert_eq!(scene.log.saying("plan applied").len(), 1);
    assert_eq!(
        scene.log.saying("runtime changes applied, reload pending for the rest")[0].field("revision"),
        "3"
    );
}

#[actix_rt::test]
async fn one_that_dies_amid_a_change_is_started_again_with_that_change() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.send(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)]));
    while scene.host.deeds_to(1).len() < 2 {
        tokio::task::yield_now().await;
    }
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.host.0.borrow().launches[1].1.config.revision, 2);
    assert_eq!(scene.log.troubles(), ["haproxy died"]);
}

#[actix_rt::test]
async fn one_that_was_told_to_drain_meanwhile_is_replaced() {
    let scene = Scene::new(|host| host.ignores = [(1, "USR1")].into());
    scene.write(config(1, "a")).await;
    scene.host.turns(1, Fate::Die);
    scene.write(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)])).await;
    assert_eq!(scene.host.running(), [1, 2], "its connections go on");
}

#[actix_rt::test]
async fn a_stop_amid_a_change_is_a_stop() {
    let mut scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.send(leading_to(2, "a", &[(5000, ONE), (5001, OTHER)]));
    scene.shut_down(Leave::Drained);
    scene.end().await;
    assert!(scene.host.running().is_empty());
}
