//! An engine over a real socket: what it is asked, and what becomes of its answers.

use std::os::unix::fs::PermissionsExt;

use tokio::sync::mpsc;

use super::*;
use crate::sources::docker::{
    fake_engine::{FakeEngine, Reply},
    get,
    summary::ContainerSummary,
};

const LIST: &str = "/containers/json";

async fn list(engine: &Engine) -> Result<usize, EngineFault> {
    get(engine, LIST, LIST).await.map(|listed: Vec<ContainerSummary>| listed.len())
}

async fn fault_of(reply: fn() -> Reply, limits: EngineLimits) -> EngineFault {
    let fake = FakeEngine::start("1.41", move |_| reply());
    let engine = Engine::connect(&EngineSettings { limits, ..fake.settings() }).await.unwrap();
    list(&engine).await.unwrap_err()
}

#[actix_rt::test]
async fn the_older_version_of_the_two_is_spoken() {
    for (theirs, spoken) in [("1.41", "1.41"), ("1.44", "1.44"), ("1.99", "1.53")] {
        let fake = FakeEngine::start(theirs, |_| Reply::Json("[]".into()));
        let engine = Engine::connect(&fake.settings()).await.unwrap();
        assert_eq!(list(&engine).await, Ok(0));
        assert_eq!(fake.asked(), ["/version".to_owned(), format!("/v{spoken}{LIST}")], "{theirs}");
    }
}

#[actix_rt::test]
async fn nothing_but_gets_is_sent() {
    let fake = FakeEngine::start("1.41", |_| Reply::Json("{}".into()));
    let engine = Engine::connect(&fake.settings()).await.unwrap();
    let stopped = engine.ask("/stop", |docker| async move { docker.stop_container("web", None).await }).await;
    assert!(stopped.unwrap_err().to_string().contains("nothing but GETs"));
    assert_eq!(fake.asked().len(), 1);
}

#[actix_rt::test]
async fn each_wrong_answer_is_a_fault_that_says_what_would_do() {
    let short = Duration::from_millis(50);
    let limits = EngineLimits::default();
    let html = || Reply::Status(403, "<html><body><h1>403 Forbidden</h1></body></html>");
    let fault = fault_of(html, limits).await;
    assert_eq!(fault.kind(), "forbidden");
    assert!(fault.to_string().contains("CONTAINERS=1"), "{fault}");

    let fault = fault_of(|| Reply::Status(503, r#"{"message":"no manager"}"#), limits).await;
    assert!(fault.to_string().ends_with("answered with status 503: no manager"), "{fault}");

    let fault = fault_of(|| Reply::Json("<html>".into()), limits).await;
    assert_eq!(fault.kind(), "malformed", "{fault}");
    let fault = fault_of(|| Reply::Json(r#"{"message":"hello"}"#.into()), limits).await;
    assert_eq!(fault.kind(), "malformed", "{fault}");

    let half = || Reply::BreaksOff("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".into());
    let fault = fault_of(half, limits).await;
    assert_eq!(fault.kind(), "unreachable", "{fault}");

    let stalled = || Reply::Stalls("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".into());
    let fault = fault_of(stalled, EngineLimits { pause: short, ..limits }).await;
    assert_eq!(fault, EngineFault::TimedOut { host: fault_host(&fault), path: LIST, limit: short });
    let fault = fault_of(|| Reply::Stalls(String::new()), EngineLimits { head: short, ..limits }).await;
    assert_eq!(fault, EngineFault::TimedOut { host: fault_host(&fault), path: LIST, limit: short });
    let fault = fault_of(stalled, EngineLimits { whole: short, ..limits }).await;
    assert_eq!(fault, EngineFault::TimedOut { host: fault_host(&fault), path: LIST, limit: short });

    let large = || Reply::Json(format!("[{}", " ".repeat(100_000)));
    let fault = fault_of(large, EngineLimits { bytes: 10_000, ..limits }).await;
    assert_eq!(fault.kind(), "too_large", "{fault}");
}

fn fault_host(fault: &EngineFault) -> Host {
    fault.subject().parse().unwrap()
}

#[actix_rt::test]
async fn a_socket_that_leads_nowhere_says_what_would_do() {
    let fake = FakeEngine::start("1.41", |_| Reply::Json("[]".into()));
    let settings =
        |file| EngineSettings { host: Host::Unix(fake.socket().with_file_name(file)), ..fake.settings() };
    let fault = Engine::connect(&settings("none.sock")).await.err().unwrap();
    assert!(fault.to_string().contains("mount the engine's socket"), "{fault}");
    // A socket file that nobody listens on any more is what stays of a mounted one.
    let stale = fake.socket().with_file_name("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let fault = Engine::connect(&settings("stale.sock")).await.err().unwrap();
    assert!(fault.to_string().contains("mount its folder, not the file"), "{fault}");
    assert_eq!(std::fs::metadata(&stale).unwrap().permissions().mode() & 0o170_000, 0o140_000);
}

#[actix_rt::test]
async fn an_event_stream_is_open_before_its_first_event_and_ends_without_a_fault() {
    let (events, stream) = mpsc::unbounded_channel();
    let mut stream = Some(stream);
    let fake = FakeEngine::start("1.41", move |_| Reply::Stream(stream.take().unwrap()));
    let engine = Engine::connect(&fake.settings()).await.unwrap();
    let mut opened = engine.events(EventsOptions::default()).await.unwrap();
    events.send("{\"Type\":\"container\",\"Action\":\"sta".into()).unwrap();
    events.send("rt\"}\n{\"Type\":\"container\",\"Action\":\"die\"}\n".into()).unwrap();
    drop(events);
    for action in ["start", "die"] {
        assert_eq!(opened.next().await.unwrap().unwrap().action.as_deref(), Some(action));
    }
    assert_eq!(opened.next().await, Ok(None));
}

#[actix_rt::test]
async fn an_event_without_end_is_a_fault_and_many_events_are_none() {
    let (events, stream) = mpsc::unbounded_channel();
    let mut stream = Some(stream);
    let fake = FakeEngine::start("1.41", move |_| Reply::Stream(stream.take().unwrap()));
    let limits = EngineLimits { event_bytes: 10_000, ..EngineLimits::default() };
    let engine = Engine::connect(&EngineSettings { limits, ..fake.settings() }).await.unwrap();
    let mut opened = engine.events(EventsOptions::default()).await.unwrap();
    for _ in 0..1000 {
        events.send("{\"Type\":\"container\",\"Action\":\"start\"}\n".into()).unwrap();
        assert!(opened.next().await.unwrap().is_some());
    }
    events.send("{\"Action\":\"".into()).unwrap();
    for _ in 0..100 {
        events.send(" ".repeat(1000)).unwrap();
    }
    assert_eq!(opened.next().await.unwrap_err().kind(), "too_large");
}

#[actix_rt::test]
async fn events_that_are_none_are_a_fault() {
    let (events, stream) = mpsc::unbounded_channel();
    let mut stream = Some(stream);
    let fake = FakeEngine::start("1.41", move |_| Reply::Stream(stream.take().unwrap()));
    let engine = Engine::connect(&fake.settings()).await.unwrap();
    let mut opened = engine.events(EventsOptions::default()).await.unwrap();
    events.send("<html>\n".into()).unwrap();
    assert_eq!(opened.next().await.unwrap_err().kind(), "malformed");
}

#[actix_rt::test]
async fn a_refused_event_stream_is_a_fault() {
    let fake = FakeEngine::start("1.41", |_| Reply::Status(403, "<html>"));
    let engine = Engine::connect(&fake.settings()).await.unwrap();
    assert_eq!(engine.events(EventsOptions::default()).await.err().unwrap().kind(), "forbidden");
}

#[actix_rt::test]
async fn a_request_that_nobody_waits_for_any_more_ends() {
    let fake = FakeEngine::start("1.41", |_| Reply::Stalls("HTTP/1.1 200 OK\r\n\r\n".into()));
    let engine = Engine::connect(&fake.settings()).await.unwrap();
    fake.until_left().await; // the request for the version
    let mut asking = pin!(list(&engine));
    let asked = pin!(fake.until_asked(2));
    assert!(matches!(select(asking.as_mut(), asked).await, Either::Right(_)), "the engine does not answer");
    let opened = engine.events(EventsOptions::default()).await.unwrap();
    drop(opened);
    fake.until_left().await;
}
