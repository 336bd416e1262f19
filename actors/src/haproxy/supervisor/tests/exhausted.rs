//! There are no descriptors to ask HAProxy with.

use super::fake::{RECONCILE, Scene, config, leading_to};
use crate::testing::ms;

const BEGIN: &str = "cannot query haproxy: out of descriptors or memory";
const END: &str = "haproxy can be queried again";

fn set_exhausted(scene: &Scene, is_exhausted: bool) {
    scene.host.0.borrow_mut().is_exhausted = is_exhausted;
}

fn assert_said_once(scene: &Scene) {
    assert_eq!((scene.log.saying(BEGIN).len(), scene.log.saying(END).len()), (1, 1));
    assert_eq!((scene.log.troubles().len(), scene.host.running()), (1, vec![1]));
}

#[actix_rt::test]
async fn a_change_waits_until_haproxy_can_be_asked_and_haproxy_serves_on() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    set_exhausted(&scene, true);
    scene.write(leading_to(2, "a", &[(5000, None), (5001, Some("10.42.0.9:80"))])).await;
    scene.wait(RECONCILE * 10).await;
    assert_eq!(scene.log.saying("plan applied").len(), 1);
    assert!(scene.host.0.borrow_mut().haproxy(1, 1001).connect(5000).is_some());
    set_exhausted(&scene, false);
    scene.wait(ms(1100)).await;
    assert_eq!(scene.log.saying("plan applied").len(), 2);
    assert!(scene.host.0.borrow_mut().haproxy(1, 1001).connect(5000).is_none());
    assert_said_once(&scene);
}

#[actix_rt::test]
async fn a_look_that_cannot_be_had_is_no_reason_to_replace_haproxy() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    set_exhausted(&scene, true);
    scene.wait(RECONCILE * 10).await;
    set_exhausted(&scene, false);
    scene.wait(RECONCILE).await;
    scene.settle().await;
    assert_said_once(&scene);
}

#[actix_rt::test]
async fn one_that_dies_meanwhile_is_replaced_as_ever() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    set_exhausted(&scene, true);
    scene.write(leading_to(2, "a", &[(5000, None), (5001, None)])).await;
    scene.host.end(1, "signal 9");
    scene.settle().await;
    set_exhausted(&scene, false);
    scene.wait(ms(100)).await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!((scene.log.saying(BEGIN).len(), scene.log.saying(END).len()), (1, 1));
}
