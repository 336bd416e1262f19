//! What the tests of several stages share: receivers and a log that keep everything, and values to begin with.

pub(crate) mod mangled;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU64},
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler, Message, Recipient};
use slog::{Drain, KV, Key, Level, Logger, Never, OwnedKVList, Record, Serializer};
use tokio::time::Instant;

use crate::{
    allocation::{MappingPlan, Plan},
    config::{Frame, FrameDigest, HaproxyConfig, Limits, ListenSettings, Routes},
    domain::{Assignment, Container, Mapping, PublishedPorts, ServiceRef, Snapshot},
    state::SavedContainer,
    supervise::{ActorSet, Prepared},
};

/// The port that the containers of the tests listen on.
pub(crate) const BACKEND_PORT: NonZeroU16 = NonZeroU16::new(8080).unwrap();

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Lets virtual time pass. The clock only moves once all tasks wait, so all work that is due is done first.
pub(crate) async fn pass(time: Duration) {
    // Even a sleep of zero would take a millisecond.
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// Lets the actors do all work that needs no time to pass.
pub(crate) async fn settle() {
    pass(ms(1)).await;
}

/// Asserts that `times` are these, within the rounding of virtual time at each step.
#[track_caller]
pub(crate) fn assert_about(times: &[Duration], expected_ms: &[u64]) {
    let is_about = |(time, expected): (&Duration, &u64)| time.abs_diff(ms(*expected)) <= ms(10);
    let are_about = times.len() == expected_ms.len() && times.iter().zip(expected_ms).all(is_about);
    assert!(are_about, "{times:?} is not about {expected_ms:?} ms");
}

/// Runs a single actor in a set of its own.
pub(crate) fn run<A: Actor<Context = Context<A>>>(actor: A) -> (Addr<A>, ActorSet) {
    let prepared = Prepared::new("Actor");
    let (addr, mut actors) = (prepared.addr(), ActorSet::default());
    actors.run(prepared, actor);
    (addr, actors)
}

// === impl Received ===

/// Everything that an actor was sent, and when.
pub(crate) struct Received<M>(Arc<Mutex<Vec<(Instant, M)>>>);

struct Receiver<M>(Arc<Mutex<Vec<(Instant, M)>>>);

impl<M: Message<Result = ()> + Clone + Send + Unpin + 'static> Received<M> {
    /// Starts an actor that keeps what it receives.
    pub(crate) fn start() -> (Self, Recipient<M>) {
        let received = Arc::new(Mutex::new(Vec::new()));
        let receiver = Receiver(Arc::clone(&received)).start();
        (Self(received), receiver.recipient())
    }

    /// All messages so far.
    pub(crate) fn all(&self) -> Vec<M> {
        self.0.lock().unwrap().iter().map(|(_, message)| message.clone()).collect()
    }

    /// When each of them came, counted from `start`.
    pub(crate) fn times(&self, start: Instant) -> Vec<Duration> {
        self.0.lock().unwrap().iter().map(|(at, _)| *at - start).collect()
    }
}

impl<M: Message<Result = ()> + Unpin + 'static> Actor for Receiver<M> {
    type Context = Context<Self>;
}

impl<M: Message<Result = ()> + Unpin + 'static> Handler<M> for Receiver<M> {
    type Result = ();

    fn handle(&mut self, message: M, _: &mut Context<Self>) {
        self.0.lock().unwrap().push((Instant::now(), message));
    }
}

// === impl Lines ===

/// A log that is kept in memory.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Line>>>);

/// One line of a log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Lines {
    /// A logger that writes here.
    pub(crate) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), slog::o!())
    }

    /// The lines with this message.
    pub(crate) fn saying(&self, message: &str) -> Vec<Line> {
        self.0.lock().unwrap().iter().filter(|line| line.message == message).cloned().collect()
    }

    /// The messages that a person on call would look at.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        let is_trouble = |line: &&Line| line.level.is_at_least(Level::Warning);
        lines.iter().filter(is_trouble).map(|line| line.message.clone()).collect()
    }
}

impl Line {
    /// A field's text; a line without it fails the test.
    #[track_caller]
    pub(crate) fn field(&self, key: &str) -> &str {
        self.fields.get(key).unwrap_or_else(|| panic!("no {key} in {self:?}"))
    }
}

impl Drain for Lines {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let mut fields = Fields::default();
        record.kv().serialize(record, &mut fields).and(values.serialize(record, &mut fields)).unwrap();
        let (level, message) = (record.level(), record.msg().to_string());
        self.0.lock().unwrap().push(Line { level, message, fields: fields.0 });
        Ok(())
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0.insert(key.to_string(), value.to_string());
        Ok(())
    }
}

// === values ===

/// The state that this word stands for; and the health.
pub(crate) use crate::sources::rancher::{health, state};

/// The service of most tests.
pub(crate) fn web() -> ServiceRef {
    service("web")
}

/// A service of stalls' own stack.
pub(crate) fn service(name: &str) -> ServiceRef {
    ServiceRef { stack: None, service: name.into() }
}

/// `service` on the ports from `base_port`, without a pool size of its own.
pub(crate) fn mapping(service: &ServiceRef, base_port: u16) -> Mapping {
    Mapping {
        service: service.clone(),
        backend_port: BACKEND_PORT.into(),
        base_port: NonZeroU16::new(base_port).unwrap(),
        port_count: None,
    }
}

/// A running container. Its address follows from `created`, so that no two share one by chance.
pub(crate) fn container(uuid: &str, created: u64, index: Option<u64>) -> Container {
    Container {
        uuid: uuid.into(),
        name: format!("app-{uuid}").into(),
        index: index.and_then(NonZeroU64::new),
        created,
        state: Some(state("running")),
        port: None,
        named_ports: [].into(),
        address: Some(format!("10.42.{}.{}", created / 200, created % 200 + 1).as_str().into()),
        health: None,
    }
}

/// As a snapshot has them.
pub(crate) fn shared(containers: &[Container]) -> Vec<Arc<Container>> {
    containers.iter().cloned().map(Arc::new).collect()
}

/// A snapshot of `containers`, which come oldest first.
pub(crate) fn snapshot(
    containers: impl IntoIterator<Item = Container>,
    published: PublishedPorts,
) -> Snapshot {
    Snapshot {
        containers: containers.into_iter().map(Arc::new).collect(),
        published,
        absence_is_proof: false,
        why_empty: None,
    }
}

/// What was saved of a container at this address.
pub(crate) fn saved_container(uuid: &str, address: &str) -> SavedContainer {
    SavedContainer {
        uuid: uuid.into(),
        name: format!("app-{uuid}").into(),
        address: address.parse().unwrap(),
        port: None,
    }
}

/// A plan with these routes: a pool of one port for each.
pub(crate) fn plan_of(revision: u64, routes: &Routes) -> Plan {
    let pool = |(port, server): (&u16, &Option<SocketAddr>)| {
        let slot = server.map(|server| {
            let uuid = format!("u-{server}").into();
            (0, Assignment { uuid, name: format!("app-{server}").into(), backend: server })
        });
        MappingPlan {
            mapping: mapping(&web(), *port),
            pool_size: 1,
            yielded: [].into(),
            slots: slot.into_iter().collect(),
            unmapped: [].into(),
            lingering: [].into(),
            still_running: [].into(),
        }
    };
    Plan { revision, mappings: routes.iter().map(pool).collect() }
}

/// Listening on every IPv4 address, with the defaults of the settings.
pub(crate) const fn listen_settings(descriptor_limit: u64) -> ListenSettings {
    ListenSettings {
        send_proxy: None,
        health_check: None,
        bind_address: None,
        descriptor_limit,
        max_connections_per_port: None,
        idle_timeout: None,
        processors: 2,
    }
}

/// A configuration of revision 1 with these routes, in a frame of this name.
pub(crate) fn haproxy_config(frame: &str, routes: Routes) -> HaproxyConfig {
    let frame = Frame {
        digest: FrameDigest::named(frame),
        revision: 1,
        proposal: 0,
        pools: routes.keys().map(|port| *port..=*port).collect(),
        ports: routes.keys().copied().collect(),
        excluded: [].into(),
        limits: Limits { maxconn: 100, maxconn_per_port: 50, idle_timeout_ms: 1000, threads: 2 },
        fixed_routes: None,
    };
    HaproxyConfig { revision: 1, frame: Arc::new(frame), routes }
}
