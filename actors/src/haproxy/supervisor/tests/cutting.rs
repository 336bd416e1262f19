//! Connections that are cut on HAProxy 3.0, where a session that is told to end while it connects hangs for ever.

use super::fake::{Scene, config, leading_to};
use crate::{haproxy::fake_haproxy::HANGING, testing::ms};

const ONE: Option<&str> = Some("10.42.0.7:8080");
const OTHER: Option<&str> = Some("10.42.0.8:8080");

/// Port 5000 leads to a container and has connections; HAProxy is 3.0.
async fn hanging() -> Scene {
    let scene = Scene::new(|host| host.version = HANGING);
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().haproxy(1, 1001).connect(5000);
    scene
}

fn connecting(scene: &Scene, ports: &[u16]) {
    scene.host.0.borrow_mut().haproxy(1, 1001).connecting = ports.iter().copied().collect();
}

fn sessions_and_hanging(scene: &Scene) -> (usize, bool) {
    let mut host = scene.host.0.borrow_mut();
    let haproxy = host.haproxy(1, 1001);
    (haproxy.sessions(5000).len(), !haproxy.hanging.is_empty())
}

#[actix_rt::test]
async fn a_freed_port_is_closed_at_once_and_cut_once_nothing_connects() {
    let scene = hanging().await;
    connecting(&scene, &[5000]);
    scene.send(leading_to(2, "a", &[(5000, None), (5001, None)]));
    scene.wait(ms(2_000)).await;
    assert_eq!(scene.host.deeds_to(1)[1..], ["disable frontend p5000", "set server p5000/c state maint"]);
    connecting(&scene, &[]);
    scene.wait(ms(200)).await;
    assert_eq!(scene.host.deeds_to(1)[3..], ["shutdown sessions server p5000/c"]);
    assert_eq!(sessions_and_hanging(&scene), (0, false));
    assert_eq!(scene.log.saying("plan applied").len(), 2);
}

#[actix_rt::test]
async fn a_replaced_port_is_closed_while_it_is_cut_and_others_do_not_wait_for_it() {
    let scene = hanging().await;
    connecting(&scene, &[5000]);
    scene.send(leading_to(2, "a", &[(5000, OTHER), (5001, Some("10.42.0.9:8080"))]));
    scene.wait(ms(1_000)).await;
    let told = [
        "disable frontend p5000",
        "set server p5000/c state maint",
        "set server p5001/c addr 10.42.0.9 port 8080",
        "set server p5001/c state ready",
        "set server p5001/c weight 100%",
        "enable frontend p5001",
    ];
    assert_eq!(scene.host.deeds_to(1)[1..], told);
    connecting(&scene, &[]);
    scene.wait(ms(200)).await;
    let told = [
        "shutdown sessions server p5000/c",
        "set server p5000/c addr 10.42.0.8 port 8080",
        "set server p5000/c state ready",
        "set server p5000/c weight 100%",
        "enable frontend p5000",
    ];
    assert_eq!(scene.host.deeds_to(1)[7..], told);
    assert_eq!(sessions_and_hanging(&scene), (0, false));
}

#[actix_rt::test]
async fn one_port_that_goes_on_connecting_keeps_no_other_from_being_cut_and_is_not_cut_itself() {
    let scene = Scene::new(|host| host.version = HANGING);
    scene.write(leading_to(1, "a", &[(5000, ONE), (5001, OTHER)])).await;
    connecting(&scene, &[5001]);
    scene.send(leading_to(2, "a", &[(5000, None), (5001, Some("10.42.0.9:8080"))]));
    scene.settle().await;
    assert_eq!(scene.host.deeds_to(1).last().unwrap(), "shutdown sessions server p5000/c");
    // The limit.
    scene.wait(ms(6_000)).await;
    let told = scene.host.deeds_to(1);
    assert_eq!(told.last().unwrap(), "enable frontend p5001");
    assert!(!told.contains(&"shutdown sessions server p5001/c".to_owned()), "{told:?}");
    assert!(!sessions_and_hanging(&scene).1);
    assert_eq!(scene.host.running(), [1]);
}

#[actix_rt::test]
async fn connections_that_drain_need_no_look_at_the_sessions() {
    let scene = hanging().await;
    connecting(&scene, &[5000]);
    // It moves to the other port.
    scene.write(leading_to(2, "a", &[(5000, None), (5001, ONE)])).await;
    assert_eq!(scene.log.saying("plan applied").len(), 2);
    assert_eq!(sessions_and_hanging(&scene), (1, false));
}

#[actix_rt::test]
async fn what_people_notice_of_a_versions_faults_is_said_once() {
    let scene = hanging().await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    assert_eq!(scene.host.running(), [2]);
    let said = scene.log.saying("this version of haproxy has a known fault");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].field("version"), "3.0.11");
}

#[actix_rt::test]
async fn a_version_without_noticeable_faults_is_not_spoken_of() {
    let well = Scene::new(|_| {});
    well.write(config(1, "a")).await;
    assert!(well.log.saying("this version of haproxy has a known fault").is_empty());
}
