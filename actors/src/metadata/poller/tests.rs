//! The poller in virtual time, against a server that answers by script.

mod age;
mod faults;
mod missing;
mod networks;
mod parts;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    rc::Rc,
};

use actix::Addr;
use serde_json::{Value, json};

use super::{super::ask_once, *};
use crate::{
    domain::{PublishedPorts, Snapshot},
    messages::Leave,
    sources::rancher::{MetadataFault, MetadataSource, OWN_SERVICE_PATH, Rancher},
    supervise::{ActorSet, End},
    testing::{Lines, Received, assert_about, mapping, ms, pass, run, service},
};

const FAULT: &str = "source fault, the last good mapping stays";
const WEB: &str = "/self/stack/services/web";
const POLL_SLEEP: Duration = Duration::from_secs(5);

/// A server by script; its copies are the same server.
#[derive(Clone, Default)]
struct FakeServer(Rc<RefCell<Script>>);

#[derive(Default)]
struct Script {
    /// The answers to the next questions for the version, and how long each takes; then there is silence.
    versions: VecDeque<(Duration, Result<String, MetadataFault>)>,
    /// The answers for each path; the last one stays.
    documents: BTreeMap<String, VecDeque<Result<Vec<u8>, MetadataFault>>>,
    /// The questions for the version: when, from which one, and for how long.
    asked: Vec<(Instant, Option<String>, Duration)>,
    fetched: Vec<String>,
}

impl FakeServer {
    /// Appends answers to the questions for the version: `(after milliseconds, version)`.
    fn versions(self, answers: &[(u64, &str)]) -> Self {
        let answers = answers.iter().map(|(after, version)| (ms(*after), Ok((*version).to_owned())));
        self.0.borrow_mut().versions.extend(answers);
        self
    }

    /// Appends an answer that is a fault.
    fn version_fault(self, fault: MetadataFault) -> Self {
        self.0.borrow_mut().versions.push_back((ms(0), Err(fault)));
        self
    }

    fn document(self, path: &str, answers: impl IntoIterator<Item = Value>) -> Self {
        let answers = answers.into_iter().map(|json| Ok(json.to_string().into_bytes()));
        self.0.borrow_mut().documents.entry(path.into()).or_default().extend(answers);
        self
    }

    fn document_fault(self, path: &str, fault: MetadataFault) -> Self {
        self.0.borrow_mut().documents.entry(path.into()).or_default().push_back(Err(fault));
        self
    }

    /// The versions that were waited from.
    fn known(&self) -> Vec<Option<String>> {
        self.0.borrow().asked.iter().map(|(_, known, _)| known.clone()).collect()
    }

    /// The time from each question for the version to the next.
    fn gaps(&self) -> Vec<Duration> {
        self.0.borrow().asked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    fn fetched(&self) -> Vec<String> {
        self.0.borrow().fetched.clone()
    }
}

impl MetadataSource for FakeServer {
    fn version(
        &self,
        known: Option<String>,
        wait: Duration,
    ) -> impl Future<Output = Result<String, MetadataFault>> + 'static {
        let mut script = self.0.borrow_mut();
        script.asked.push((Instant::now(), known, wait));
        let answer = script.versions.pop_front();
        async move {
            let Some((takes, answer)) = answer else { return std::future::pending().await };
            pass(takes).await;
            answer
        }
    }

    fn document(&self, path: String) -> impl Future<Output = Result<Vec<u8>, MetadataFault>> + 'static {
        let mut script = self.0.borrow_mut();
        let answer = script.documents.get_mut(&path).and_then(|answers| {
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        });
        script.fetched.push(path.clone());
        async move { answer.unwrap_or(Err(not_found(&path, "Not found"))) }
    }
}

fn not_found(path: &str, message: &str) -> MetadataFault {
    MetadataFault::NotFound { path: path.into(), message: message.into() }
}

fn unreachable() -> MetadataFault {
    MetadataFault::Unreachable { path: "/version".into(), reason: "connection refused".into() }
}

/// A service document with these containers.
fn document(name: &str, uuids: &[&str]) -> Value {
    let container = |uuid: &&str| json!({"uuid": uuid, "state": "running"});
    json!({"name": name, "containers": uuids.iter().map(container).collect::<Vec<_>>()})
}

/// A poller at work.
struct Running {
    addr: Addr<MetadataPoller>,
    actors: ActorSet,
    changes: Received<ServiceChanged>,
    log: Lines,
    start: Instant,
}

impl Running {
    fn following(services: &[&str], server: &FakeServer, needs_published_ports: bool) -> Self {
        let server = server.clone();
        Self::asking(services, |followed, log| {
            Box::new(Rancher::new(server, followed, needs_published_ports, log))
        })
    }

    fn asking(
        services: &[&str],
        source: impl FnOnce(BTreeSet<ServiceRef>, Logger) -> Box<dyn Source>,
    ) -> Self {
        tokio::time::pause();
        let (log, (changes, allocator)) = (Lines::default(), Received::start());
        let mappings = services.iter().map(|name| mapping(&service(name), 5000)).collect();
        let settings = PollerSettings { mappings, poll_sleep: POLL_SLEEP, seed: 7 };
        let followed = services.iter().map(|name| service(name)).collect();
        let source = source(followed, log.logger());
        let poller = MetadataPoller::new(settings, source, allocator, log.logger());
        let (addr, actors) = run(poller);
        Self { addr, actors, changes, log, start: Instant::now() }
    }

    fn web(server: &FakeServer) -> Self {
        Self::following(&["web"], server, false)
    }

    /// Service and containers of each change that the allocator was told.
    fn told(&self) -> Vec<(String, Vec<String>)> {
        let uuids = |snapshot: &Snapshot| snapshot.containers.iter().map(|c| c.uuid.to_string()).collect();
        self.changes.all().iter().map(|c| (c.service.to_string(), uuids(&c.snapshot))).collect()
    }

    fn published(&self) -> Vec<PublishedPorts> {
        self.changes.all().iter().map(|change| change.snapshot.published.clone()).collect()
    }
}

fn told(service: &str, uuids: &[&str]) -> (String, Vec<String>) {
    (service.into(), uuids.iter().map(|uuid| (*uuid).to_owned()).collect())
}

fn some(version: &str) -> Option<String> {
    Some(version.into())
}

// === following ===

#[actix_rt::test]
async fn it_waits_from_the_last_version_and_fetches_only_another() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (3_000, "v2"), (10_000, "v2"), (1, "v3")])
        .document(WEB, [document("web", &["a"]), document("web", &["a", "b"]), document("web", &["b"])]);
    let web = Running::web(&server);
    pass(ms(60_000)).await;
    assert_eq!(server.known(), [None, some("v1"), some("v2"), some("v2"), some("v3")]);
    assert!(server.0.borrow().asked.iter().all(|(_, _, wait)| *wait == POLL_SLEEP));
    assert_eq!(server.fetched(), [WEB, WEB, WEB]);
    assert_eq!(web.told(), [told("web", &["a"]), told("web", &["a", "b"]), told("web", &["b"])]);
    assert_about(&web.changes.times(web.start), &[0, 3_000, 13_001]);
    assert_eq!(web.log.troubles(), [] as [&str; 0]);
}

#[actix_rt::test]
async fn a_version_that_changes_between_two_rounds_is_not_missed() {
    // v2 comes while the document of v1 is fetched: the next wait starts from v1 and ends at once.
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (0, "v2")])
        .document(WEB, [document("web", &["a"]), document("web", &["b"])]);
    let web = Running::web(&server);
    pass(ms(10)).await;
    assert_eq!(web.told(), [told("web", &["a"]), told("web", &["b"])]);
}

#[actix_rt::test]
async fn what_concerns_other_services_is_not_told() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2"), (1_000, "v3")])
        .document(WEB, [document("web", &["a"])]);
    let web = Running::web(&server);
    pass(ms(10_000)).await;
    assert_eq!(server.fetched().len(), 3);
    assert_eq!(web.told(), [told("web", &["a"])]);
}

#[actix_rt::test]
async fn what_differs_in_the_document_but_does_not_matter_is_not_told() {
    let mut relabelled = document("web", &["a", "b"]);
    relabelled["containers"][0]["labels"] = json!({"color": "blue"});
    relabelled["scale"] = json!(2);
    let mut reversed = document("web", &["b", "a"]);
    reversed["stack_name"] = json!(null);
    let mut stopped = document("web", &["a", "b"]);
    stopped["containers"][1]["state"] = json!("stopped");
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2"), (1_000, "v3"), (1_000, "v4")])
        .document(WEB, [document("web", &["a", "b"]), relabelled, reversed, stopped]);
    let web = Running::web(&server);
    pass(ms(10_000)).await;
    assert_about(&web.changes.times(web.start), &[0, 3_000]);
    let state = web.changes.all()[1].snapshot.containers[1].state.clone();
    assert_eq!(state, Some(crate::testing::state("stopped")));
}

#[actix_rt::test]
async fn a_service_at_scale_0_is_told_as_empty() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2")])
        .document(WEB, [document("web", &["a"]), json!({"name": "web", "containers": null})]);
    let web = Running::web(&server);
    pass(ms(2_000)).await;
    assert_eq!(web.told(), [told("web", &["a"]), told("web", &[])]);
}

// === pace ===

#[actix_rt::test]
async fn a_server_that_does_not_hold_the_long_poll_is_asked_once_an_interval() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (0, "v1"), (2_000, "v1"), (0, "v1")])
        .document(WEB, [document("web", &[])]);
    let _web = Running::web(&server);
    pass(ms(60_000)).await;
    assert_about(&server.gaps(), &[0, 5_000, 5_000, 5_000]);
}

#[actix_rt::test]
async fn endless_change_is_followed_at_a_steady_pace() {
    let versions: Vec<_> = (0..1_000).map(|n| format!("v{n}")).collect();
    let answers: Vec<_> = versions.iter().map(|version| (0, version.as_str())).collect();
    let server = FakeServer::default().versions(&answers).document(WEB, [document("web", &[])]);
    let _web = Running::web(&server);
    pass(ms(50)).await;
    assert_eq!(server.known().len(), 21, "a burst is followed at once");
    pass(ms(10_000)).await;
    let rounds = server.known().len();
    assert!((118..=122).contains(&rounds), "{rounds}");
}

// === published ports ===

#[actix_rt::test]
async fn what_is_published_is_asked_once_and_told_with_every_change() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2")])
        .document(WEB, [document("web", &["a"]), document("web", &["b"])])
        .document(
            OWN_SERVICE_PATH,
            [json!({"ports": ["5000:5000/tcp", "5001:5001/tcp"]}), json!({"ports": []})],
        );
    let web = Running::following(&["web"], &server, true);
    pass(ms(5_000)).await;
    assert_eq!(server.fetched(), [OWN_SERVICE_PATH, WEB, WEB]);
    let ports = PublishedPorts([5000..=5001].into_iter().collect());
    assert_eq!(web.published(), [ports.clone(), ports]);
}

#[actix_rt::test]
async fn a_client_that_the_server_does_not_know_publishes_nothing_and_is_asked_for_again() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2")])
        .document(WEB, [document("web", &["a"])])
        .document_fault(OWN_SERVICE_PATH, not_found(OWN_SERVICE_PATH, "Not found"));
    let web = Running::following(&["web"], &server, true);
    pass(ms(5_000)).await;
    assert_eq!(web.published(), [PublishedPorts::default()]);
    assert_eq!(server.fetched(), [OWN_SERVICE_PATH, WEB, OWN_SERVICE_PATH, WEB]);
    assert_eq!(web.log.troubles(), [] as [&str; 0]);
}

#[actix_rt::test]
async fn what_is_published_is_told_as_soon_as_the_server_knows_the_client() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2"), (1_000, "v3")])
        .document(WEB, [document("web", &["a"])])
        .document_fault(OWN_SERVICE_PATH, not_found(OWN_SERVICE_PATH, "Not found"))
        .document(OWN_SERVICE_PATH, [json!({"ports": ["5000"]})]);
    let web = Running::following(&["web"], &server, true);
    pass(ms(5_000)).await;
    assert_eq!(
        web.published(),
        [PublishedPorts::default(), PublishedPorts([5000..=5000].into_iter().collect())]
    );
    assert_eq!(server.fetched(), [OWN_SERVICE_PATH, WEB, OWN_SERVICE_PATH, WEB, WEB]);
}

#[actix_rt::test]
async fn a_server_without_data_yet_says_nothing_of_what_is_published() {
    let server = FakeServer::default()
        .versions(&[(0, "v0"), (0, "v1")])
        .document(WEB, [document("web", &["a"])])
        .document_fault(OWN_SERVICE_PATH, not_found(OWN_SERVICE_PATH, "Invalid version"))
        .document(OWN_SERVICE_PATH, [json!({"ports": ["5000"]})]);
    let web = Running::following(&["web"], &server, true);
    pass(ms(5_000)).await;
    assert_eq!(server.fetched(), [OWN_SERVICE_PATH, OWN_SERVICE_PATH, WEB]);
    assert_eq!(web.published(), [PublishedPorts([5000..=5000].into_iter().collect())]);
    assert_eq!(web.log.saying(FAULT)[0].field("kind"), "not_found");
}

// === UDP ===

#[actix_rt::test]
async fn udp_ports_that_nobody_forwards_are_said_once_for_whoever_publishes_them() {
    const UDP: &str = "UDP ports are published, stalls forwards TCP only";
    let mut published = document("web", &["a", "b"]);
    published["ports"] = json!(["53:53/udp", "5000:8080/tcp"]);
    published["containers"][0]["ports"] = json!(["0.0.0.0:32768:8080/udp", "0.0.0.0:32768:8080/tcp"]);
    published["containers"][1]["ports"] = json!(["0.0.0.0:32769:8080/udp"]);
    let mut more = published.clone();
    more["ports"] = json!(["5001:8080/udp"]);
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2")])
        .document(WEB, [published, more])
        .document(OWN_SERVICE_PATH, [json!({"ports": ["5000:5000/tcp", "5000:5000/udp", "9000:9000/udp"]})]);
    let web = Running::following(&["web"], &server, true);
    pass(ms(5_000)).await;
    let said = web.log.saying(UDP);
    let fields =
        |line: &crate::testing::Line| ["publisher", "ports", "example"].map(|key| line.field(key).to_owned());
    let said: Vec<_> = said.iter().map(fields).collect();
    assert_eq!(said, [["stalls itself", "1", "5000:5000/udp"], ["web", "2", "0.0.0.0:32768:8080/udp"]]);
    assert_eq!(server.fetched().len(), 3);
}

// === the end ===

#[actix_rt::test]
async fn a_shutdown_ends_it_in_the_middle_of_a_long_poll() {
    let server = FakeServer::default().versions(&[(0, "v1")]).document(WEB, [document("web", &[])]);
    let mut web = Running::web(&server);
    pass(ms(1_000)).await;
    assert_eq!(server.known(), [None, some("v1")]);
    let asked = Instant::now();
    web.addr.do_send(Shutdown { haproxy: Leave::Serving });
    assert_eq!(web.actors.first_end().await.1, End::Stopped);
    assert_eq!(asked.elapsed(), ms(0));
}
