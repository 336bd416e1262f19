//! The writer in virtual time, with a store that can be slow, full or of another opinion.

mod troubles;

use std::{cell::RefCell, collections::VecDeque, future::Future, io, net::IpAddr};

use actix::Addr;

use super::*;
use crate::{
    allocation::MappingPlan,
    config::{ConfigText, ListenSettings, Template},
    domain::Assignment,
    messages::Leave,
    supervise::{ActorSet, End},
    testing::{Lines, Received, mapping, ms, pass, run, settle, web},
};

const DESCRIPTORS: u64 = 1024;

/// A store in memory; its copies are the same store.
#[derive(Clone, Default)]
struct FakeStore(Rc<RefCell<Disk>>);

#[derive(Default)]
struct Disk {
    /// What becomes of the next writes; then they succeed.
    outcomes: VecDeque<Result<(), WriteError>>,
    write_takes: Duration,
    in_flight: usize,
    most_in_flight: usize,
    /// When each write began.
    begun: Vec<Instant>,
    /// What was written, and whether it was checked first.
    written: Vec<(ConfigText, bool)>,
}

impl FakeStore {
    fn fails_with(&self, errors: impl IntoIterator<Item = WriteError>) {
        self.0.borrow_mut().outcomes.extend(errors.into_iter().map(Err));
    }

    fn takes(&self, time: Duration) {
        self.0.borrow_mut().write_takes = time;
    }

    fn writes_begun(&self) -> usize {
        self.0.borrow().begun.len()
    }

    /// The containers in each file that was written.
    fn written(&self) -> Vec<Vec<String>> {
        self.0.borrow().written.iter().map(|(text, _)| containers_in(&text.to_string())).collect()
    }

    /// Whether each file that was written was checked first.
    fn checked(&self) -> Vec<bool> {
        self.0.borrow().written.iter().map(|(_, checked)| *checked).collect()
    }

    fn write(
        &self,
        text: ConfigText,
        checked: bool,
    ) -> impl Future<Output = Result<(), WriteError>> + 'static {
        let store = Rc::clone(&self.0);
        async move {
            let takes = {
                let mut disk = store.borrow_mut();
                disk.begun.push(Instant::now());
                disk.in_flight += 1;
                disk.most_in_flight = disk.most_in_flight.max(disk.in_flight);
                disk.write_takes
            };
            pass(takes).await;
            let mut disk = store.borrow_mut();
            disk.in_flight -= 1;
            disk.outcomes.pop_front().unwrap_or(Ok(()))?;
            disk.written.push((text, checked));
            Ok(())
        }
    }
}

impl ConfigStore for FakeStore {
    fn check_and_replace(&self, text: ConfigText) -> impl Future<Output = Result<(), WriteError>> + 'static {
        self.write(text, true)
    }

    fn replace(&self, text: ConfigText) -> impl Future<Output = Result<(), WriteError>> + 'static {
        self.write(text, false)
    }
}

fn rejected() -> WriteError {
    WriteError::Rejected { words: "unknown keyword 'x'".into(), kept_as: "haproxy.cfg.rejected".into() }
}

fn disk_full() -> WriteError {
    WriteError::Io { path: "haproxy.cfg".into(), source: io::ErrorKind::StorageFull.into() }
}

/// The last number of each container's address in a configuration.
fn containers_in(text: &str) -> Vec<String> {
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("server c 10.42.0."));
    servers.map(|address| address.trim_end_matches(":8080").to_owned()).collect()
}

/// A plan of `pool_size` ports with a container at `10.42.0.<n>` on each of the first.
fn plan(revision: u64, pool_size: u16, containers: &[u8]) -> Plan {
    let occupant = |n: &u8| {
        let address = IpAddr::from([10, 42, 0, *n]);
        Assignment { uuid: format!("u{n}").into(), name: format!("app-{n}").into(), address }
    };
    let slots = (0..).zip(containers.iter().map(occupant)).collect();
    let mapping = MappingPlan {
        mapping: mapping(&web(), 5000),
        pool_size,
        slots,
        unmapped: [].into(),
        held: [].into(),
        still_running: [].into(),
    };
    Plan { revision, mappings: vec![mapping] }
}

/// A writer at work.
struct Running {
    addr: Addr<ConfigWriter<FakeStore>>,
    actors: ActorSet,
    told: Received<ConfigWritten>,
    store: FakeStore,
    log: Lines,
    start: Instant,
}

impl Running {
    fn start() -> Self {
        tokio::time::pause();
        let (log, store, (told, supervisor)) = (Lines::default(), FakeStore::default(), Received::start());
        let listen = ListenSettings { bind_address: None, descriptor_limit: DESCRIPTORS };
        let renderer = Renderer::new(Template::built_in().unwrap(), listen);
        let settings = WriterSettings { renderer, seed: 7 };
        let writer = ConfigWriter::new(settings, store.clone(), supervisor, log.logger());
        let (addr, actors) = run(writer);
        Self { addr, actors, told, store, log, start: Instant::now() }
    }

    async fn hears(&self, plan: Plan) {
        self.addr.do_send(PlanChanged(Arc::new(plan)));
        settle().await;
    }

    async fn hears_to_withhold(&self, ports: &[u16]) {
        self.addr.do_send(WithholdPorts(ports.iter().copied().collect()));
        settle().await;
    }

    /// (revision, covers, containers) of each configuration that the supervisor was told of.
    fn told(&self) -> Vec<(u64, u64, Vec<String>)> {
        let told = |told: &ConfigWritten| {
            (told.config.revision, told.covers, containers_in(&told.config.text.to_string()))
        };
        self.told.all().iter().map(told).collect()
    }
}

fn told(revision: u64, covers: u64, containers: &[&str]) -> (u64, u64, Vec<String>) {
    (revision, covers, containers.iter().map(|n| (*n).to_owned()).collect())
}

// === plans ===

#[actix_rt::test]
async fn each_plan_is_written_and_told() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[1, 2])).await;
    assert_eq!(writer.store.written(), [vec!["1"], vec!["1", "2"]]);
    assert_eq!(writer.told(), [told(1, 1, &["1"]), told(2, 2, &["1", "2"])]);
    let written = writer.log.saying("configuration written");
    assert_eq!(written.len(), 2);
    assert_eq!((written[0].field("mapped"), written[0].field("free")), ("1", "1"));
    assert_eq!(writer.log.saying("connection limit follows the descriptor limit").len(), 1);
}

#[actix_rt::test]
async fn nothing_is_told_before_it_is_on_disk() {
    let writer = Running::start();
    writer.store.takes(ms(1_000));
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(900)).await;
    assert_eq!(writer.told(), []);
    pass(ms(200)).await;
    assert_eq!(writer.told(), [told(1, 1, &["1"])]);
}

#[actix_rt::test]
async fn one_write_is_in_flight_and_only_the_newest_plan_waits() {
    let writer = Running::start();
    writer.store.takes(ms(1_000));
    for revision in 1..=9 {
        writer.hears(plan(revision, 2, &[revision as u8])).await;
    }
    pass(ms(5_000)).await;
    assert_eq!(writer.store.0.borrow().most_in_flight, 1);
    assert_eq!(writer.store.written(), [["1"], ["9"]]);
    assert_eq!(writer.told(), [told(1, 1, &["1"]), told(9, 9, &["9"])]);
}

#[actix_rt::test]
async fn a_plan_that_says_the_same_is_told_without_being_written() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    let mut said_otherwise = plan(2, 2, &[1]);
    let slots = &mut said_otherwise.mappings[0].slots;
    slots.insert(0, Assignment { name: "renamed".into(), ..slots[&0].clone() });
    writer.hears(said_otherwise).await;
    assert_eq!(writer.store.writes_begun(), 1);
    assert_eq!(writer.told(), [told(1, 1, &["1"]), told(2, 2, &["1"])]);
}

#[actix_rt::test]
async fn haproxy_checks_only_what_is_unlike_all_that_it_has_accepted() {
    let writer = Running::start();
    for (revision, pool_size, containers) in
        [(1, 2, &[1][..]), (2, 2, &[2]), (3, 2, &[3, 4]), (4, 3, &[3, 4]), (5, 3, &[4, 3])]
    {
        writer.hears(plan(revision, pool_size, containers)).await;
    }
    assert_eq!(writer.store.checked(), [true, false, false, true, false]);
}

#[actix_rt::test]
async fn what_haproxy_has_rejected_is_not_taken_for_accepted() {
    let writer = Running::start();
    writer.store.fails_with([rejected()]);
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[2])).await;
    assert_eq!(writer.store.checked(), [true]);
}

// === withheld ports ===

#[actix_rt::test]
async fn withheld_ports_are_left_out_until_they_no_longer_are() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1, 2])).await;
    writer.hears_to_withhold(&[5000, 22]).await;
    writer.hears(plan(2, 2, &[1, 3])).await;
    writer.hears_to_withhold(&[]).await;
    let all = [told(1, 1, &["1", "2"]), told(1, 1, &["2"]), told(2, 2, &["3"]), told(2, 2, &["1", "3"])];
    assert_eq!(writer.told(), all);
    let withheld: Vec<_> = writer.told.all().iter().map(|told| told.config.withheld.clone()).collect();
    assert_eq!(withheld, [[].into(), [5000].into(), [5000].into(), BTreeSet::new()]);
}

#[actix_rt::test]
async fn the_same_ports_withheld_again_are_told_again() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1, 2])).await;
    writer.hears_to_withhold(&[5000]).await;
    writer.hears_to_withhold(&[5000]).await;
    assert_eq!(writer.told()[1..], [told(1, 1, &["2"]), told(1, 1, &["2"])]);
    assert_eq!(writer.store.writes_begun(), 2);
}

#[actix_rt::test]
async fn what_is_to_be_withheld_before_the_first_plan_is_left_out_of_it() {
    let writer = Running::start();
    writer.hears_to_withhold(&[5000]).await;
    assert_eq!(writer.told(), []);
    writer.hears(plan(1, 2, &[1, 2])).await;
    assert_eq!(writer.told(), [told(1, 1, &["2"])]);
}

// === the end ===

#[actix_rt::test]
async fn a_shutdown_waits_for_the_write_in_flight_and_for_no_more() {
    let mut writer = Running::start();
    writer.store.takes(ms(1_000));
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[2])).await;
    writer.addr.do_send(Shutdown { haproxy: Leave::Serving });
    assert_eq!(writer.actors.first_end().await.1, End::Stopped);
    assert_eq!(writer.store.written(), [["1"]]);
    settle().await;
    assert_eq!(writer.told(), [told(1, 1, &["1"])]);
}

#[actix_rt::test]
async fn a_shutdown_with_nothing_to_write_is_immediate() {
    let mut writer = Running::start();
    writer.store.fails_with([disk_full()]);
    writer.hears(plan(1, 2, &[1])).await;
    let asked = Instant::now();
    writer.addr.do_send(Shutdown { haproxy: Leave::Serving });
    assert_eq!(writer.actors.first_end().await.1, End::Stopped);
    assert_eq!(asked.elapsed(), ms(0), "a retry is not waited for");
}
