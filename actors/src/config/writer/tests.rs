//! The writer in virtual time, with a store that can be slow, full or of another opinion.

mod copy;
mod verdicts;

use std::{cell::RefCell, collections::VecDeque, future::Future, io};

use actix::Addr;

use super::*;
use crate::{
    config::{CheckError, Routes, Template, template::tests::RELOADING},
    messages::Leave,
    supervise::{ActorSet, End},
    testing::{Lines, Received, listen_settings, ms, pass, plan_of, run, settle},
};

const DESCRIPTORS: u64 = 1024;

/// A store in memory; its copies are the same store.
#[derive(Clone, Default)]
struct FakeStore(Rc<RefCell<Disk>>);

#[derive(Default)]
struct Disk {
    checks: Works,
    writes: Works,
}

/// Checks, or writes.
#[derive(Default)]
struct Works {
    /// What becomes of the next ones; then they succeed.
    outcomes: VecDeque<Result<(), ConfigError>>,
    takes: Duration,
    in_flight: usize,
    most_in_flight: usize,
    /// When each began.
    begun: Vec<Instant>,
    done: Vec<Arc<HaproxyConfig>>,
}

impl Works {
    fn fail_with(&mut self, errors: impl IntoIterator<Item = ConfigError>) {
        self.outcomes.extend(errors.into_iter().map(Err));
    }

    /// The revisions of those that succeeded.
    fn revisions(&self) -> Vec<u64> {
        self.done.iter().map(|config| config.revision).collect()
    }
}

impl FakeStore {
    fn work(
        &self,
        config: Arc<HaproxyConfig>,
        works: fn(&mut Disk) -> &mut Works,
    ) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        let store = Rc::clone(&self.0);
        async move {
            let takes = {
                let mut disk = store.borrow_mut();
                let works = works(&mut disk);
                works.begun.push(Instant::now());
                works.in_flight += 1;
                works.most_in_flight = works.most_in_flight.max(works.in_flight);
                works.takes
            };
            pass(takes).await;
            let mut disk = store.borrow_mut();
            let works = works(&mut disk);
            works.in_flight -= 1;
            works.outcomes.pop_front().unwrap_or(Ok(()))?;
            works.done.push(config);
            Ok(())
        }
    }
}

impl ConfigStore for FakeStore {
    fn check(&self, config: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        self.work(config, |disk| &mut disk.checks)
    }

    fn write(&self, config: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        self.work(config, |disk| &mut disk.writes)
    }
}

fn rejected() -> ConfigError {
    ConfigError::Rejected { words: "unknown keyword 'x'".into(), kept_as: "haproxy.cfg.rejected".into() }
}

fn disk_full() -> ConfigError {
    ConfigError::Io { path: "haproxy.cfg".into(), source: io::ErrorKind::StorageFull.into() }
}

fn cannot_be_run() -> ConfigError {
    ConfigError::Check(CheckError::NotRun {
        haproxy: "/usr/sbin/haproxy".into(),
        source: io::ErrorKind::NotFound.into(),
    })
}

/// A plan of so many ports with a container at `10.42.0.<n>` on each of the first.
fn plan(revision: u64, pool_size: u16, containers: &[u8]) -> Plan {
    let mut routes: Routes = (5000..5000 + pool_size).map(|port| (port, None)).collect();
    let servers = containers.iter().map(|n| Some(([10, 42, 0, *n], 8080).into()));
    routes.extend((5000..).zip(servers));
    plan_of(revision, &routes)
}

/// A writer at work.
struct Running {
    addr: Addr<ConfigWriter<FakeStore>>,
    actors: ActorSet,
    told: Received<ConfigWritten>,
    store: FakeStore,
    log: Lines,
}

impl Running {
    fn start() -> Self {
        Self::with(Template::built_in().unwrap())
    }

    fn with(template: Template) -> Self {
        tokio::time::pause();
        let (log, store, (told, supervisor)) = (Lines::default(), FakeStore::default(), Received::start());
        let listen = listen_settings(DESCRIPTORS);
        let settings = WriterSettings { renderer: Arc::new(Renderer::new(template, listen)), seed: 7 };
        let writer = ConfigWriter::new(settings, store.clone(), supervisor, log.logger());
        let (addr, actors) = run(writer);
        Self { addr, actors, told, store, log }
    }

    async fn hears(&self, plan: Plan) {
        self.addr.do_send(PlanChanged(Arc::new(plan)));
        settle().await;
    }

    async fn is_to_exclude(&self, ports: &[u16]) {
        self.addr.do_send(ExcludePorts(ports.iter().copied().collect()));
        settle().await;
    }

    async fn is_to_check(&self) {
        self.addr.do_send(CheckConfig);
        settle().await;
    }

    /// (revision, number of ports, verdict) of each frame that the supervisor was told of.
    fn told(&self) -> Vec<(u64, usize, Verdict)> {
        let told = |told: &ConfigWritten| (told.frame.revision, told.frame.ports.len(), told.verdict);
        self.told.all().iter().map(told).collect()
    }

    fn works<T>(&self, of: impl FnOnce(&mut Disk) -> T) -> T {
        of(&mut self.store.0.borrow_mut())
    }
}

// === frames ===

#[actix_rt::test]
async fn a_frame_is_told_at_once_and_routes_alone_make_no_other_one() {
    let writer = Running::start();
    writer.works(|disk| disk.writes.takes = ms(3_600_000));
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[1, 2])).await;
    writer.hears(plan(3, 3, &[1, 2])).await;
    assert_eq!(writer.told(), [(1, 2, Verdict::Unchecked), (3, 3, Verdict::Unchecked)]);
    assert_eq!(writer.works(|disk| disk.checks.begun.len()), 0, "nobody has asked for a check");
    assert_eq!(writer.log.saying("connection limit follows the descriptor limit").len(), 1);
}

#[actix_rt::test]
async fn with_a_template_whose_changes_cannot_be_told_each_plan_makes_another_frame() {
    let writer = Running::with(Template::parse(RELOADING).unwrap());
    for revision in 1..=2 {
        writer.hears(plan(revision, 2, &[revision as u8])).await;
    }
    assert_eq!(writer.told(), [(1, 2, Verdict::Unchecked), (2, 2, Verdict::Unchecked)]);
    assert_eq!(writer.log.saying("the template makes every change a reload").len(), 1);
}

#[actix_rt::test]
async fn excluded_ports_are_left_out_until_they_no_longer_are() {
    let writer = Running::start();
    writer.is_to_exclude(&[5000]).await;
    assert_eq!(writer.told(), []);
    writer.hears(plan(1, 2, &[1, 2])).await;
    writer.is_to_exclude(&[5000, 22]).await;
    writer.is_to_exclude(&[]).await;
    let frames: Vec<_> = writer.told.all().iter().map(|told| told.frame.clone()).collect();
    let of = |frame: &Arc<Frame>| {
        (frame.ports.iter().copied().collect(), frame.excluded.iter().copied().collect())
    };
    let expected: [(Vec<u16>, Vec<u16>); 2] = [(vec![5001], vec![5000]), (vec![5000, 5001], vec![])];
    assert_eq!(frames.iter().map(of).collect::<Vec<_>>(), expected);
}

#[actix_rt::test]
async fn a_pool_too_large_for_the_descriptors_leaves_the_last_good_frame() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2_000, &[1, 2])).await;
    let said = writer.log.saying("configuration cannot be rendered, the last good one stays");
    assert_eq!((said.len(), said[0].field("revision")), (1, "2"));
    assert!(said[0].field("error").contains("raise it (ulimit -n) to 2165 or more"), "{said:?}");
    writer.hears(plan(3, 3, &[1, 2, 3])).await;
    assert_eq!(writer.told(), [(1, 2, Verdict::Unchecked), (3, 3, Verdict::Unchecked)]);
}

// === the end ===

#[actix_rt::test]
async fn a_shutdown_waits_for_the_write_in_flight_and_for_no_more() {
    let mut writer = Running::start();
    writer.works(|disk| disk.writes.takes = ms(1_000));
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(600)).await;
    writer.hears(plan(2, 2, &[2])).await;
    writer.works(|disk| disk.checks.takes = ms(10_000));
    writer.is_to_check().await;
    let asked = Instant::now();
    writer.addr.do_send(Shutdown { haproxy: Leave::Serving });
    assert_eq!(writer.actors.first_end().await.1, End::Stopped);
    assert_eq!(writer.works(|disk| disk.writes.revisions()), [1]);
    assert!(asked.elapsed() < ms(1_000), "a check is not waited for");
}

#[actix_rt::test]
async fn a_shutdown_with_nothing_to_write_is_immediate() {
    let mut writer = Running::start();
    writer.works(|disk| disk.writes.fail_with([disk_full()]));
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(550)).await;
    let asked = Instant::now();
    writer.addr.do_send(Shutdown { haproxy: Leave::Serving });
    assert_eq!(writer.actors.first_end().await.1, End::Stopped);
    assert_eq!(asked.elapsed(), ms(0), "a retry is not waited for");
}
