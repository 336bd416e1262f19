//! A health check of HAProxy's finds containers down.

use super::fake::{RECONCILE, Scene, leading_to};

const BEGIN: &str = "health check of ports fails, new connections are closed";
const END: &str = "health checks of all ports pass again";
const ONE: Option<&str> = Some("10.42.0.7:8080");
const OTHER: Option<&str> = Some("10.42.0.8:8080");
const ANOTHER: Option<&str> = Some("10.42.0.9:8080");

/// Two used ports, as HAProxy shows them at the next comparison.
async fn scene() -> Scene {
    let scene = Scene::new(|_| {});
    scene.write(leading_to(1, "a", &[(5000, ONE), (5001, OTHER)])).await;
    scene
}

fn set_down(scene: &Scene, ports: &[u16]) {
    let mut host = scene.host.0.borrow_mut();
    let haproxy = host.haproxy(1, 1001);
    (haproxy.checks, haproxy.down) = (true, ports.iter().copied().collect());
}

#[actix_rt::test]
async fn ports_that_are_down_are_said_in_one_line_and_nothing_is_repaired() {
    let scene = scene().await;
    let told = scene.host.deeds_to(1).len();
    for down in [&[5000][..], &[5000], &[5000, 5001], &[5001], &[], &[]] {
        set_down(&scene, down);
        scene.wait(RECONCILE).await;
        scene.settle().await;
    }
    let begun = scene.log.saying(BEGIN);
    let said: Vec<_> = begun.iter().map(|line| [line.field("port"), line.field("ports")].join(" ")).collect();
    assert_eq!(said, ["5000 1", "5001 2"]);
    assert_eq!((scene.log.saying(END).len(), scene.log.troubles().len()), (1, 2));
    assert_eq!((scene.host.deeds_to(1).len(), scene.host.generations()), (told, vec![1]));
}

#[actix_rt::test]
async fn a_container_is_not_taken_for_down_because_the_one_before_it_was() {
    let scene = scene().await;
    set_down(&scene, &[5000]);
    scene.write(leading_to(2, "a", &[(5000, ANOTHER), (5001, ONE)])).await;
    let told = scene.host.deeds_to(1);
    // The second one was up, but a check of its old address may be under way.
    let told: Vec<_> = told.iter().filter(|deed| deed.ends_with(" health up")).collect();
    assert_eq!(told, ["set server p5000/c health up", "set server p5001/c health up"]);
    assert_eq!(scene.host.0.borrow_mut().haproxy(1, 1001).connect(5000), ANOTHER.unwrap().parse().ok());
}
