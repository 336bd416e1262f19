//! Ports of the pool that another program holds.

use std::time::Duration;

use super::fake::{Scene, config, leading_to};
use crate::{
    config::{Frame, HaproxyConfig, Verdict},
    haproxy::Command,
    messages::HaproxyState,
};

const TAKEN: &str = "port cannot be bound, leaving it out";
const UNUSED: &str = "unused port cannot be bound, leaving it out";

fn without(ports: &[u16], config: HaproxyConfig) -> HaproxyConfig {
    let excluded = ports.iter().copied().collect();
    let frame = Frame { excluded, ..config.frame.as_ref().clone() };
    HaproxyConfig { frame: frame.into(), ..config }
}

fn without_5001(revision: u64) -> HaproxyConfig {
    without(&[5001], leading_to(revision, "without 5001", &[(5000, Some("10.42.0.7:8080"))]))
}

#[actix_rt::test]
async fn a_taken_port_is_excluded_and_the_others_are_served() {
    let scene = Scene::new(|host| host.taken_ports = [5001].into());
    scene.write(config(1, "a")).await;
    assert_eq!(*scene.excluded.lock().unwrap(), [[5001].into()]);
    assert_eq!((scene.host.generations(), scene.host.running()), (vec![1], vec![]));
    assert_eq!(scene.checks(), 0, "the configuration is not to blame");
    assert_eq!(scene.log.saying(UNUSED)[0].field("port"), "5001");
    scene.write(without_5001(1)).await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.log.troubles(), [] as [String; 0], "nobody needs it");
}

#[actix_rt::test]
async fn a_port_that_nobody_needs_starts_no_process_when_it_is_free_again() {
    let scene = Scene::new(|host| host.taken_ports = [5001].into());
    scene.write(config(1, "a")).await;
    scene.write(without_5001(1)).await;
    scene.host.0.borrow_mut().taken_ports.clear();
    scene.wait(Duration::from_secs(60)).await;
    assert_eq!((scene.excluded.lock().unwrap().len(), scene.host.running()), (1, vec![2]));
    // It does as soon as a container needs it.
    let both = [(5000, Some("10.42.0.7:8080")), (5001, Some("10.42.0.8:8080"))];
    scene.write(leading_to(2, "both", &both)).await;
    assert_eq!(scene.excluded.lock().unwrap().last(), Some(&[].into()));
    scene.write(leading_to(2, "both", &both)).await;
    assert_eq!(scene.host.running(), [3]);
}

#[actix_rt::test]
async fn a_port_that_a_container_comes_to_need_is_said_to_be_taken_once() {
    let scene = Scene::new(|host| host.taken_ports = [5001].into());
    scene.write(config(1, "a")).await;
    scene.write(without_5001(1)).await;
    assert_eq!(scene.log.saying(TAKEN).len(), 0);
    for revision in 2..5 {
        let both = [(5000, Some("10.42.0.7:8080")), (5001, Some("10.42.0.8:8080"))];
        scene.send_plan(&leading_to(revision, "both", &both));
        scene.wait(Duration::from_secs(2)).await;
    }
    let said = scene.log.saying(TAKEN);
    assert_eq!((said.len(), said[0].field("ports"), said[0].field("port")), (1, "1", "5001"));
}

#[actix_rt::test]
async fn ports_that_come_back_one_after_the_other_share_reloads() {
    let routes: Vec<_> = (5000..5013).map(|port| (port, Some("10.42.0.7:8080"))).collect();
    let scene = Scene::new(|host| host.taken_ports = (5001..5013).collect());
    scene.write(leading_to(1, "all", &routes)).await;
    let said = scene.log.saying(TAKEN);
    assert_eq!((said.len(), said[0].field("ports"), said[0].field("port")), (1, "12", "5001"));
    let rest = (5001..5013).collect::<Vec<_>>();
    scene.send_frame(&without(&rest, leading_to(1, "one", &routes[..1])), Verdict::Accepted);
    for port in 5001..5013 {
        scene.host.0.borrow_mut().taken_ports.remove(&port);
        scene.wait(Duration::from_secs(1)).await;
    }
    scene.wait(Duration::from_secs(6)).await;
    let changes = scene.excluded.lock().unwrap().len() - 1;
    assert!((2..=8).contains(&changes), "{changes}");
    assert_eq!(scene.excluded.lock().unwrap().last(), Some(&[].into()));
    assert_eq!(scene.log.saying(TAKEN).len(), 1);
    assert_eq!(scene.log.saying("port can be bound again").len(), changes);
}

#[actix_rt::test]
async fn a_port_that_a_container_needs_is_served_by_a_reload_once_it_is_free() {
    let both = [(5000, Some("10.42.0.7:8080")), (5001, Some("10.42.0.8:8080"))];
    let scene = Scene::new(|host| host.taken_ports = [5001].into());
    scene.write(leading_to(1, "both", &both)).await;
    assert_eq!(scene.log.saying(TAKEN)[0].field("port"), "5001");
    scene.send_frame(&without(&[5001], leading_to(1, "one", &both[..1])), Verdict::Accepted);
    scene.wait(Duration::from_secs(3)).await;
    assert_eq!(scene.excluded.lock().unwrap().len(), 1);
    scene.host.0.borrow_mut().taken_ports.clear();
    scene.wait(Duration::from_secs(1)).await;
    assert_eq!(scene.excluded.lock().unwrap().last(), Some(&[].into()));
    scene.write(leading_to(1, "both", &both)).await;
    assert_eq!(scene.host.running(), [3]);
}

#[actix_rt::test]
async fn ports_that_the_live_haproxy_listens_on_are_not_probed() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    // To a probe the live one's own listening ports look taken.
    scene.excluded.lock().unwrap().clear();
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.write(config(2, "b")).await;
    assert_eq!(*scene.excluded.lock().unwrap(), [[5001].into()]);
}

#[actix_rt::test]
async fn a_frame_that_still_has_the_excluded_port_is_neither_probed_nor_said_again_and_again() {
    let scene = Scene::new(|host| host.taken_ports = [5001].into());
    for _ in 0..20 {
        // As when there is none without the port.
        scene.write(config(1, "a")).await;
    }
    assert_eq!(*scene.excluded.lock().unwrap(), [[5001].into()]);
    assert_eq!(scene.log.saying(UNUSED).len(), 1);
    assert_eq!(scene.host.generations(), [1]);
}

#[actix_rt::test]
async fn nothing_is_started_while_every_port_is_taken() {
    let scene = Scene::new(|host| host.taken_ports = [5000, 5001].into());
    scene.write(config(1, "a")).await;
    assert_eq!(*scene.excluded.lock().unwrap(), [[5000, 5001].into()]);
    let none = without(&[5000, 5001], leading_to(1, "none", &[]));
    scene.write(none).await;
    assert_eq!(scene.host.generations(), [1]);
    let waits = scene.log.saying("no port of the pool can be bound, plan not applied");
    assert_eq!((waits.len(), scene.log.saying("plan applied").len()), (1, 0));
    let failure = Some("no port of the pool can be bound".to_owned());
    assert_eq!(scene.report().await, HaproxyState::Down { failure });
}

#[actix_rt::test]
async fn a_free_port_that_somebody_else_has_taken_is_left_out_when_a_container_needs_it() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.host.0.borrow_mut().haproxy(1, 1001).taken = [5001].into();
    let both = [(5000, Some("10.42.0.9:8080")), (5001, Some("10.42.0.8:8080"))];
    scene.write(leading_to(2, "a", &both)).await;
    assert_eq!(*scene.excluded.lock().unwrap(), [[5001].into()]);
    assert_eq!(scene.host.generations(), [1]);
    scene.write(without_5001(2)).await;
    assert_eq!(scene.host.running(), [2]);
    assert_eq!(scene.log.saying("plan applied")[1].field("kind"), "desync");
}

#[actix_rt::test]
async fn a_free_port_that_somebody_has_opened_in_our_own_haproxy_is_not_taken() {
    let scene = Scene::new(|_| {});
    scene.write(config(1, "a")).await;
    scene.host.0.borrow_mut().haproxy(1, 1001).answer(Command::EnableFrontend(5001));
    // To a probe it looks taken.
    scene.host.0.borrow_mut().taken_ports = [5001].into();
    scene.write(leading_to(2, "a", &[(5000, None), (5001, Some("10.42.0.8:8080"))])).await;
    assert_eq!(scene.log.saying("plan applied")[1].field("step"), "runtime");
    assert!(scene.excluded.lock().unwrap().is_empty());
}
