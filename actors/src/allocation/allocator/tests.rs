//! The allocator in virtual time, with a store that can be slow, full or corrupt.

mod flapping;
mod lingering;
mod nothing_mapped;
mod own_listeners;
mod recording;
mod saving;
mod several_services;
mod takeover;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    future::Future,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    ops::Range,
    rc::Rc,
};

use actix::Addr;
use tokio::sync::Notify;

use super::*;
use crate::{
    allocation::{ListenAddresses, PoolSettings},
    domain::{Container, Mapping, PublishedPorts, ServiceRef},
    probing::{Connection, End},
    state::{SAVE_DELAY, SAVE_RETRY, SavedMapping, StateError},
    supervise::ActorSet,
    testing::{
        BACKEND_PORT, Line, Lines, Received, container, mapping, ms, pass, run, saved_container, service,
        settle, snapshot, state, web,
    },
};

/// A store in memory; its copies are the same store.
#[derive(Clone, Default)]
struct FakeStore(Rc<RefCell<Disk>>);

#[derive(Default)]
struct Disk {
    content: Option<SavedState>,
    is_corrupt: bool,
    is_full: bool,
    save_takes: Duration,
    saves_begun: usize,
    saved: Vec<SavedState>,
}

impl FakeStore {
    fn holding(state: SavedState) -> Self {
        let store = Self::default();
        store.0.borrow_mut().content = Some(state);
        store
    }

    /// The revisions of what was saved.
    fn saved_revisions(&self) -> Vec<u64> {
        self.0.borrow().saved.iter().map(|state| state.revision).collect()
    }
}

impl StateStore for FakeStore {
    fn load(&self) -> Result<Option<SavedState>, StateError> {
        let disk = self.0.borrow();
        if disk.is_corrupt {
            let (path, set_aside) = ("state.json".into(), "state.json.unreadable".into());
            return Err(StateError::Unreadable { path, reason: "nonsense".into(), set_aside });
        }
        Ok(disk.content.clone())
    }

    fn save(&self, state: SavedState) -> impl Future<Output = Result<(), StateError>> + 'static {
        let store = Rc::clone(&self.0);
        let takes = store.borrow().save_takes;
        store.borrow_mut().saves_begun += 1;
        async move {
            tokio::time::sleep(takes).await;
            let mut disk = store.borrow_mut();
            if disk.is_full {
                let source = std::io::ErrorKind::StorageFull.into();
                return Err(StateError::Io { path: "state.json".into(), source });
            }
            disk.saved.push(state);
            Ok(())
        }
    }
}

/// The address of the host.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Containers that all but the deaf accept connections; its copies are the same containers.
#[derive(Clone, Default)]
struct FakeConnect(Rc<RefCell<Probed>>, Rc<Notify>);

#[derive(Default)]
struct Probed {
    deaf: BTreeSet<SocketAddr>,
    /// The addresses that were tried, one after the other.
    tried: Vec<SocketAddr>,
    /// How long a try takes.
    takes: Duration,
    at_once: usize,
    max_at_once: usize,
}

impl FakeConnect {
    /// From now on this address resets all connections.
    fn break_at(&self, address: SocketAddr) {
        self.0.borrow_mut().deaf.insert(address);
        self.1.notify_waiters();
    }
}

impl Connect for FakeConnect {
    type Connection = FakeConnection;

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<FakeConnection>> + 'static {
        let fake = self.clone();
        let takes = {
            let mut probed = fake.0.borrow_mut();
            probed.tried.push(address);
            probed.at_once += 1;
            probed.max_at_once = probed.max_at_once.max(probed.at_once);
            probed.takes
        };
        async move {
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            fake.0.borrow_mut().at_once -= 1;
            let is_deaf = fake.0.borrow().deaf.contains(&address);
            if is_deaf { Err(ErrorKind::ConnectionRefused.into()) } else { Ok(FakeConnection(fake, address)) }
        }
    }

    fn is_local(&self, address: IpAddr) -> bool {
        address == HOST
    }
}

struct FakeConnection(FakeConnect, SocketAddr);

impl Connection for FakeConnection {
    async fn end(self) -> End {
        let Self(FakeConnect(probed, changed), address) = self;
        while !probed.borrow().deaf.contains(&address) {
            changed.notified().await;
        }
        End::Broken
    }
}

/// Pools that may grow to 200 ports.
fn settings(mappings: Vec<Mapping>) -> AllocatorSettings {
    let pools = mappings.into_iter().map(|mapping| PoolSettings { mapping, max_ports: 200, room: u16::MAX });
    AllocatorSettings {
        pools: pools.collect(),
        listen: ListenAddresses::default(),
        allow_loopback: false,
        port_reuse_delay: Duration::from_secs(60),
        linger: Duration::ZERO,
    }
}

/// An allocator at work.
struct Running {
    addr: Addr<PortAllocator<FakeConnect>>,
    actors: ActorSet,
    plans: Received<PlanChanged>,
    store: FakeStore,
    probe: FakeConnect,
    log: Lines,
    start: Instant,
}

impl Running {
    fn with(mappings: Vec<Mapping>, store: FakeStore) -> Self {
        Self::set(settings(mappings), store)
    }

    /// Lets missing containers linger for 300 s.
    fn lingering(mappings: Vec<Mapping>, store: FakeStore) -> Self {
        Self::set(AllocatorSettings { linger: ms(300_000), ..settings(mappings) }, store)
    }

    fn set(settings: AllocatorSettings, store: FakeStore) -> Self {
        tokio::time::pause();
        let (log, probe) = (Lines::default(), FakeConnect::default());
        let (plans, receiver) = Received::start();
        let allocator =
            PortAllocator::new(settings, store.clone(), None, probe.clone(), vec![receiver], log.logger());
        let (addr, actors) = run(allocator);
        Self { addr, actors, plans, store, probe, log, start: Instant::now() }
    }

    fn fresh() -> Self {
        Self::with(vec![mapping(&web(), 5000)], FakeStore::default())
    }

    /// Sends a snapshot with these containers, and lets the allocator act upon it.
    async fn hears(&self, containers: &[Container]) {
        self.hears_of(&web(), containers).await;
    }

    async fn hears_of(&self, service: &ServiceRef, containers: &[Container]) {
        self.addr.do_send(service_changed(service, 0..0, containers));
        pass(SAVE_DELAY * 2).await;
    }

    /// Sends a snapshot with these containers and with the ports that stalls' own service publishes.
    async fn hears_with(&self, ports: Range<u16>, containers: &[Container]) {
        self.addr.do_send(service_changed(&web(), ports, containers));
        pass(SAVE_DELAY * 2).await;
    }

    fn plans(&self) -> Vec<Arc<Plan>> {
        self.plans.all().into_iter().map(|PlanChanged(plan)| plan).collect()
    }

    /// The pool size of each plan so far.
    fn sizes(&self) -> Vec<u16> {
        self.plans().iter().map(|plan| plan.mappings[0].pool_size).collect()
    }

    /// Revision and slots of each plan so far.
    fn told(&self) -> Vec<(u64, Vec<(u16, String)>)> {
        let slots = |plan: &Plan| {
            let slots = plan
                .mappings
                .iter()
                .flat_map(|m| m.slots.iter().map(|(slot, a)| (m.port(*slot), a.uuid.to_string())));
            slots.collect()
        };
        self.plans().iter().map(|plan| (plan.revision, slots(plan))).collect()
    }
}

fn service_changed(service: &ServiceRef, ports: Range<u16>, containers: &[Container]) -> ServiceChanged {
    let published = PublishedPorts(ports.map(|port| port..=port).collect());
    let snapshot = snapshot(containers.to_vec(), published);
    ServiceChanged { service: service.clone(), snapshot: Arc::new(snapshot), proof_age: Duration::ZERO }
}

fn told(revision: u64, ports: &[(u16, &str)]) -> (u64, Vec<(u16, String)>) {
    (revision, ports.iter().map(|(port, uuid)| (*port, (*uuid).to_owned())).collect())
}

/// What an earlier process saved: `a` on the first slot.
fn saved() -> SavedState {
    let container = saved_container("a", "10.42.0.2");
    let mapping = SavedMapping {
        service: web(),
        backend_port: BACKEND_PORT.into(),
        pool_size: 3,
        slots: [(0, container)].into(),
        reservations: [].into(),
        lingering: [].into(),
    };
    SavedState { revision: 41, mappings: vec![mapping] }
}

fn db() -> ServiceRef {
    service("db")
}

fn a() -> Container {
    container("a", 1, Some(1))
}

fn b() -> Container {
    container("b", 2, Some(2))
}

// === plans ===

#[actix_rt::test]
async fn a_plan_is_told_when_it_differs_and_only_then() {
    let web = Running::fresh();
    web.hears(&[a()]).await;
    web.hears(&[a()]).await;
    let health_check = Container { state: Some(state("updating-running")), ..a() };
    web.hears(&[health_check]).await;
    assert_eq!(web.told(), [told(1, &[(5000, "a")])]);
    web.hears(&[a(), b()]).await;
    web.hears(&[b()]).await;
    assert_eq!(web.told()[1..], [told(2, &[(5000, "a"), (5001, "b")]), told(3, &[(5001, "b")])]);
}

#[actix_rt::test]
async fn what_still_runs_is_told_with_a_plan_but_is_no_reason_for_one() {
    let web = Running::fresh();
    // It is on the slot before the older one is known.
    let newer = container("c", 3, Some(1));
    let lines = |web: &Running| {
        ["slot assigned", "slot freed", "containers not mapped"].map(|message| web.log.saying(message).len())
    };
    web.hears(std::slice::from_ref(&newer)).await;
    web.hears(&[a(), newer.clone()]).await;
    let said = lines(&web);
    let restarting = Container { state: Some(state("restarting")), ..a() };
    web.hears(&[restarting.clone(), newer.clone()]).await;
    assert_eq!((web.plans().len(), lines(&web)), (2, said));
    web.hears(&[restarting, b(), newer]).await;
    let still_running: Vec<_> = web.plans().iter().map(|p| p.mappings[0].still_running.clone()).collect();
    assert_eq!(still_running, [[].into(), ["10.42.0.2:8080".parse().unwrap()].into(), [].into()]);
    assert_eq!(web.told()[2], told(3, &[(5000, "c"), (5001, "b")]));
}

#[actix_rt::test]
async fn each_slot_that_changes_hands_is_a_line_of_the_log() {
    let web = Running::fresh();
    web.hears(&[a()]).await;
    web.hears(&[container("c", 3, Some(1)), container("z", 4, Some(70_000))]).await;
    web.hears(&[container("z", 4, Some(70_000))]).await;
    let assigned = web.log.saying("slot assigned");
    assert_eq!(assigned.len(), 2);
    assert_eq!((assigned[1].field("container"), assigned[1].field("port")), ("app-c", "5000"));
    assert_eq!((assigned[1].field("replaces"), assigned[1].field("revision")), ("a", "2"));
    let freed = web.log.saying("slot freed");
    assert_eq!(freed.len(), 1);
    assert_eq!(freed[0].field("container"), "app-c");
    let unmapped = web.log.saying("containers not mapped");
    assert_eq!(unmapped.len(), 1, "it is said once");
    assert_eq!((unmapped[0].field("uuid"), unmapped[0].field("kind")), ("z", "outside_pool"));
    assert_eq!(unmapped[0].level, slog::Level::Warning);
}

#[actix_rt::test]
async fn every_receiver_is_told_the_same() {
    tokio::time::pause();
    let ((writer, to_writer), (supervisor, to_supervisor)) = (Received::start(), Received::start());
    let settings = settings(vec![mapping(&web(), 5000)]);
    let log = Lines::default().logger();
    let receivers = vec![to_writer, to_supervisor];
    let allocator =
        PortAllocator::new(settings, FakeStore::default(), None, FakeConnect::default(), receivers, log)
            .start();
    allocator.do_send(service_changed(&web(), 0..0, &[a()]));
    settle().await;
    let (writer, supervisor): (Vec<PlanChanged>, Vec<PlanChanged>) = (writer.all(), supervisor.all());
    assert_eq!((writer.len(), supervisor.len()), (1, 1));
    assert!(Arc::ptr_eq(&writer[0].0, &supervisor[0].0));
}

#[actix_rt::test]
async fn what_is_published_sizes_the_pool_which_never_shrinks() {
    let web = Running::fresh();
    for ports in [5000..5003, 5000..5005, 0..0, 5000..5001] {
        web.hears_with(ports, &[a(), b()]).await;
    }
    assert_eq!(web.sizes(), [3, 5]);
}

#[actix_rt::test]
async fn a_pool_that_grows_is_a_line_of_the_log() {
    let web = Running::fresh();
    for index in [64, 65, 65, 60, 81] {
        web.hears(&[container("a", 1, Some(index))]).await;
    }
    assert_eq!(web.sizes(), [64, 80, 80, 100]);
    let grows = web.log.saying("pool grows");
    let said = |line: &Line| ["from", "to", "first_port", "last_port"].map(|key| line.field(key).to_owned());
    let said: Vec<_> = grows.iter().map(said).collect();
    assert_eq!(said, [["64", "80", "5000", "5079"], ["80", "100", "5000", "5099"]]);
    assert_eq!((grows[0].level, grows[0].field("service")), (slog::Level::Info, "web"));
    assert_eq!(web.log.troubles(), [] as [&str; 0], "nothing is known to be published");
}

#[actix_rt::test]
async fn ports_that_are_not_published_are_said_once() {
    let said = |web: &Running| -> Vec<_> {
        let lines = web.log.saying("ports of the pool are not published, so the host does not lead to them");
        let ports = |line: &Line| (line.field("first_port").to_owned(), line.field("last_port").to_owned());
        lines.iter().map(ports).collect()
    };
    let ports = |first: &str, last: &str| (first.to_owned(), last.to_owned());
    let web = Running::fresh();
    web.hears_with(5000..5016, &[a()]).await;
    assert_eq!(said(&web), []);
    for last in [17, 18, 17] {
        web.hears_with(5000..5016, &[a(), container("c", 3, Some(last))]).await;
    }
    assert_eq!(said(&web), [ports("5016", "5031")]);
    // An operator who publishes some of them has forgotten the others.
    web.hears_with(5000..5020, &[a()]).await;
    web.hears_with(5000..5032, &[a()]).await;
    assert_eq!(said(&web)[1..], [ports("5020", "5031")]);
}

#[actix_rt::test]
async fn a_container_that_waits_for_a_reservation_gets_the_slot_when_it_ends() {
    let small = Mapping { port_count: 1.try_into().ok(), ..mapping(&web(), 5000) };
    let web = Running::with(vec![small], FakeStore::default());
    web.hears(&[container("a", 1, None)]).await;
    pass(ms(10_000)).await;
    web.hears(&[container("b", 2, None)]).await;
    let freed_at = web.plans.times(web.start)[1];
    pass(ms(59_000)).await;
    assert_eq!(web.told().len(), 2);
    pass(ms(2_000)).await;
    assert_eq!(web.told()[1..], [told(2, &[]), told(3, &[(5000, "b")])]);
    let waited = web.plans.times(web.start)[2] - freed_at;
    assert!(ms(60_000) <= waited && waited <= ms(60_002), "{waited:?}");
}

#[actix_rt::test]
async fn without_a_waiting_container_a_reservation_that_ends_makes_no_plan() {
    let web = Running::fresh();
    web.hears(&[container("a", 1, None)]).await;
    web.hears(&[]).await;
    pass(ms(120_000)).await;
    assert_eq!(web.told().len(), 2);
}

// === several mappings ===
