//! What the poller is told.

use slog::{Discard, o};

use super::*;
use crate::{
    domain::Lifecycle,
    sources::docker::fake_engine::{FakeEngine, Reply},
};

const SAMPLE: &str = include_str!("../../../../../tests/samples/docker/20.10.24-list.json");

fn service(stack: Option<&str>, service: &str) -> ServiceRef {
    ServiceRef { stack: stack.map(str::to_owned), service: service.into() }
}

fn docker(fake: &FakeEngine, services: &[ServiceRef]) -> Docker {
    let settings = DockerSettings { engine: fake.settings(), network: None };
    Docker::new(settings, services.iter().cloned().collect(), Logger::root(Discard, o!()))
}

fn engine(list: &'static str) -> FakeEngine {
    FakeEngine::start("1.41", move |path| match path {
        "/events" => Reply::Stalls("HTTP/1.1 200 OK\r\n\r\n".into()),
        _ => Reply::Json(list.into()),
    })
}

#[actix_rt::test]
async fn each_followed_service_has_an_answer() {
    let (web, none) = (service(Some("sampleapp"), "web"), service(None, "none"));
    let fake = engine(SAMPLE);
    let state = docker(&fake, &[web.clone(), none.clone()]).next(Duration::ZERO).await.unwrap();
    let Answer::Listed(listed) = &state.services[&web] else { panic!("{state:?}") };
    assert!(listed.containers.len() == 3 && listed.absence_is_proof && listed.why_empty.is_none());
    let Answer::Listed(empty) = &state.services[&none] else { panic!("{state:?}") };
    assert!(empty.containers.is_empty() && empty.why_empty.as_ref().unwrap().contains("stalls.service=none"));
}

#[actix_rt::test]
async fn a_service_of_two_projects_fails_alone() {
    let list = r#"[
        {"Id": "1", "Labels": {"com.docker.compose.project": "a", "com.docker.compose.service": "web"}},
        {"Id": "2", "Labels": {"com.docker.compose.project": "b", "com.docker.compose.service": "web"}}
    ]"#;
    let (web, of_b) = (service(None, "web"), service(Some("b"), "web"));
    let fake = engine(list);
    let mut docker = docker(&fake, &[web.clone(), of_b.clone()]);
    let state = docker.next(Duration::ZERO).await.unwrap();
    let Answer::Failed(fault) = &state.services[&web] else { panic!("{state:?}") };
    assert!(fault.to_string().contains("STACK_NAME"), "{fault}");
    assert!(docker.fault_kinds().contains(&fault.kind));
    assert!(matches!(&state.services[&of_b], Answer::Listed(listed) if listed.containers.len() == 1));
}

#[actix_rt::test]
async fn a_word_that_is_not_known_concerns_its_container_alone() {
    let list = r#"[
        {"Id": "1", "State": "levitating", "Labels": {"stalls.service": "web"}},
        {"Id": "2", "State": "running", "Labels": {"stalls.service": "web"}, "Health": {"Status": "radiant"},
         "Ports": [{"PrivatePort": 1, "Type": "warp"}]}
    ]"#;
    let web = service(None, "web");
    let state = docker(&engine(list), std::slice::from_ref(&web)).next(Duration::ZERO).await.unwrap();
    let Answer::Listed(listed) = &state.services[&web] else { panic!("{state:?}") };
    let states: Vec<_> =
        listed.containers.iter().map(|it| (it.lifecycle(), it.state.clone().unwrap())).collect();
    let named = |word, lifecycle| (lifecycle, crate::domain::State::new(word, lifecycle));
    let wanted = [named("levitating", Lifecycle::Inactive), named("running", Lifecycle::Running)];
    assert_eq!(states, wanted);
}

#[actix_rt::test]
async fn an_engines_fault_has_a_subject_and_a_reason() {
    let fake = FakeEngine::start("1.41", |_| Reply::Status(403, "<html>"));
    let mut docker = docker(&fake, &[service(None, "web")]);
    let fault = docker.next(Duration::ZERO).await.unwrap_err();
    assert!(docker.fault_kinds().contains(&fault.kind));
    assert_eq!(fault.subject, format!("unix://{}", fake.socket().display()));
    assert!(fault.reason.starts_with("/events is forbidden"), "{fault}");
}
