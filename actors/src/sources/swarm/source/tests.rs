//! Following services over a real socket: what a manager is asked, and what becomes of its answers.

use std::{cell::Cell, rc::Rc, sync::Arc};

use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::sources::{
    docker::fake_engine::{FakeEngine, Reply},
    swarm::answer::Service,
};

const TASKS: &str = include_str!("../../../../../tests/samples/swarm/tasks.json");
const NODES: &str = include_str!("../../../../../tests/samples/swarm/nodes.json");
const SERVICE: &str = include_str!("../../../../../tests/samples/swarm/service.json");
const WORKER: &str = include_str!("../../../../../tests/samples/swarm/worker.json");
const NO_SERVICE: &str = include_str!("../../../../../tests/samples/swarm/no_service.json");

fn web() -> ServiceRef {
    ServiceRef { stack: None, service: "web".into() }
}

/// What a manager with the service `web` answers.
fn manager(path: &str) -> Reply {
    match path {
        "/tasks" => Reply::Json(TASKS.into()),
        "/nodes" => Reply::Json(NODES.into()),
        "/services/web" => Reply::Json(SERVICE.into()),
        "/events" => Reply::Status(403, "<html>"),
        _ => Reply::Status(404, NO_SERVICE),
    }
}

fn following(fake: &FakeEngine) -> Swarm {
    following_ports(fake, &[8080])
}

fn following_ports(fake: &FakeEngine, ports: &[u16]) -> Swarm {
    let ports = ports.iter().filter_map(|port| NonZeroU16::new(*port)).collect();
    Swarm::new(SwarmSettings { engine: fake.settings(), services: [(web(), ports)].into(), network: None })
}

async fn answer(source: &mut Swarm) -> Result<Answer, Fault> {
    let mut state = source.next(Duration::ZERO).await?;
    Ok(state.services.remove(&web()).unwrap())
}

async fn listing(source: &mut Swarm) -> Listing {
    match answer(source).await {
        Ok(Answer::Listed(listing)) => listing,
        other => panic!("{other:?}"),
    }
}

/// The paths that were asked for, without the version and the query.
fn paths(fake: &FakeEngine) -> Vec<String> {
    let bare = |path: String| path.split('?').next().unwrap_or_default().replace("/v1.41", "");
    fake.asked().into_iter().map(bare).collect()
}

#[actix_rt::test]
async fn the_events_come_first_and_what_is_known_is_not_asked_for_again() {
    let fake = FakeEngine::start("1.41", manager);
    let mut source = following(&fake);
    let first = listing(&mut source).await;
    assert_eq!(first.containers.len(), 3);
    assert!(first.absence_is_proof && first.why_empty.is_none());
    let asked = ["/version", "/events", "/services/web", "/tasks", "/nodes"];
    assert_eq!(paths(&fake), asked);
    assert!(fake.asked()[3].contains(&serde_json::from_str::<Service>(SERVICE).unwrap().id));

    let second = listing(&mut source).await;
    assert_eq!(paths(&fake)[asked.len()..], ["/tasks"]);
    assert!(first.containers.iter().zip(&second.containers).all(|(a, b)| Arc::ptr_eq(a, b)));
}

#[actix_rt::test]
async fn a_worker_says_what_would_do() {
    let fake = FakeEngine::start("1.41", |_| Reply::Status(503, WORKER));
    let fault = answer(&mut following(&fake)).await.unwrap_err();
    assert_eq!(fault.kind, "not_a_manager");
    assert!(fault.reason.contains("deploy/swarm"), "{fault}");
    assert!(KINDS.contains(&fault.kind));
}

#[actix_rt::test]
async fn a_proxy_that_forbids_says_what_would_do() {
    let fake = FakeEngine::start("1.41", |_| Reply::Status(403, "<html>"));
    let fault = answer(&mut following(&fake)).await.unwrap_err();
    assert_eq!(fault.kind, "forbidden");
    assert!(fault.reason.contains("TASKS=1"), "{fault}");
}

#[actix_rt::test]
async fn a_swarm_without_a_leader_is_a_fault() {
    let no_leader = r#"{"message":"rpc error: code = Unknown desc = The swarm does not have a leader."}"#;
    let fake = FakeEngine::start("1.41", move |path| match path {
        "/services/web" => Reply::Status(503, no_leader),
        path => manager(path),
    });
    let fault = answer(&mut following(&fake)).await.unwrap_err();
    assert_eq!(fault.kind, "status");
    assert!(fault.subject.starts_with("unix://") && !fault.reason.contains("unix://"), "{fault}");
}

#[actix_rt::test]
async fn a_service_that_does_not_exist_has_no_containers_and_a_reason() {
    let fake = FakeEngine::start("1.41", |path| match path {
        "/services/web" => Reply::Status(404, NO_SERVICE),
        path => manager(path),
    });
    let listing = listing(&mut following(&fake)).await;
    assert!(listing.containers.is_empty() && listing.absence_is_proof);
    assert!(listing.why_empty.unwrap().contains("no service web"));
}

#[actix_rt::test]
async fn the_beginning_of_an_id_is_no_name() {
    let fake = FakeEngine::start("1.41", |path| match path {
        "/services/web" => Reply::Json(json!({"ID": "web5o1", "Spec": {"Name": "other"}}).to_string()),
        path => manager(path),
    });
    assert!(listing(&mut following(&fake)).await.containers.is_empty());
    assert!(!paths(&fake).contains(&"/tasks".to_owned()));
}

#[actix_rt::test]
async fn a_service_that_was_made_anew_is_found_again() {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let fake = FakeEngine::start("1.41", move |path| {
        counted.set(counted.get() + u32::from(path == "/tasks"));
        if path == "/tasks" && counted.get() == 2 { Reply::Status(404, NO_SERVICE) } else { manager(path) }
    });
    let mut source = following(&fake);
    listing(&mut source).await;
    assert_eq!(listing(&mut source).await.containers.len(), 3);
    assert_eq!(paths(&fake)[5..], ["/tasks", "/services/web", "/tasks"]);
}

#[actix_rt::test]
async fn an_answer_that_cannot_be_read_is_a_fault_of_the_service_alone() {
    let fake = FakeEngine::start("1.41", |path| match path {
        "/tasks" => Reply::Json("[{]".into()),
        path => manager(path),
    });
    let answer = answer(&mut following(&fake)).await.unwrap();
    assert!(matches!(&answer, Answer::Failed(fault) if fault.kind == "malformed"), "{answer:?}");
}

#[actix_rt::test]
async fn of_several_ports_that_nodes_publish_only_one_can_be_followed() {
    let fake = FakeEngine::start("1.41", manager);
    let answer = answer(&mut following_ports(&fake, &[8080, 9090])).await.unwrap();
    assert!(matches!(&answer, Answer::Failed(fault) if fault.kind == "several_ports"), "{answer:?}");
    assert_eq!(listing(&mut following_ports(&fake, &[9090, 9091])).await.containers.len(), 3);
}

#[actix_rt::test]
async fn a_question_that_is_given_up_does_no_harm() {
    let stalls = Rc::new(Cell::new(true));
    let is_stalled = Rc::clone(&stalls);
    let fake = FakeEngine::start("1.41", move |path| match path {
        "/tasks" if is_stalled.get() => Reply::Stalls(String::new()),
        path => manager(path),
    });
    let mut source = following(&fake);
    let given_up = timeout(Duration::from_secs(60), async {
        tokio::select! {
            _ = source.next(Duration::ZERO) => panic!("it has an answer"),
            () = fake.until_asked(4) => {}
        }
    });
    given_up.await.unwrap();
    stalls.set(false);
    assert_eq!(listing(&mut source).await.containers.len(), 3);
}

#[actix_rt::test]
async fn the_pause_is_short_while_something_goes_on() {
    let fake = FakeEngine::start("1.41", manager);
    let mut source = following(&fake);
    let event = |typ, attribute: &str, value: &str| EventMessage {
        typ: Some(typ),
        actor: Some(bollard::models::EventActor {
            attributes: Some([(attribute.to_owned(), value.to_owned())].into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let name = "com.docker.swarm.service.name";
    for (event, matters) in [
        (event(EventMessageTypeEnum::SERVICE, "name", "web"), true),
        (event(EventMessageTypeEnum::SERVICE, "name", "other"), false),
        (event(EventMessageTypeEnum::CONTAINER, name, "web"), true),
        (event(EventMessageTypeEnum::CONTAINER, name, "other"), false),
        (event(EventMessageTypeEnum::CONTAINER, "name", "web"), false),
        (event(EventMessageTypeEnum::NODE, "name", "node-1"), true),
        (event(EventMessageTypeEnum::VOLUME, "name", "web"), false),
        (EventMessage::default(), false),
    ] {
        source.brisk_until = Instant::now();
        source.heed(&event);
        assert_eq!(source.brisk_until > Instant::now(), matters, "{event:?}");
    }
    // What was listed differs from what is known, and then it does not.
    source.brisk_until = Instant::now();
    listing(&mut source).await;
    assert!(source.brisk_until > Instant::now());
    source.brisk_until = Instant::now();
    listing(&mut source).await;
    assert!(source.brisk_until <= Instant::now());
}

#[test]
fn a_service_of_a_stack_has_both_names() {
    assert_eq!(swarm_name(&web()), "web");
    assert_eq!(swarm_name(&ServiceRef { stack: Some("shop".into()), ..web() }), "shop_web");
}
