//! What all tests share.

mod alone;
mod bystanders;
mod churn;
mod cli;
mod effort;
mod files;
mod haproxy;
mod log;
mod mapped;
mod process;
mod seeded;
mod world;

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::ExitStatus,
    thread,
    time::Duration,
};

use stalls_lab::{
    backend::Fleet,
    block::Block,
    client::{Held, await_landing, await_refused},
    haproxy::reload_template,
    load::{Load, LoadReport},
    metadata::{MetadataOptions, MetadataServer, World},
    stalls::{
        Launch, Signal, Stalls, check_form,
        messages::{CONFIG_WRITTEN, PLAN_APPLIED},
    },
};
use tokio::time::{Instant, sleep};

use self::world::assignments;
pub(crate) use self::{
    alone::{Ended, launch, run},
    bystanders::Bystanders,
    churn::Churn,
    effort::times,
    haproxy::{Script, real_haproxy, routes},
    mapped::Mapped,
    process::descriptors,
    seeded::Seeded,
};

/// The program under test.
pub(crate) const STALLS: &str = env!("CARGO_BIN_EXE_stalls");

/// How long anything may take. It only bounds a failure. Most conditions come true within milliseconds; stalls gives
/// a hanging HAProxy up after 5 s.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The first port of the pool, unless a test says otherwise.
pub(crate) const BASE: u16 = 5000;

/// How many ports the pool has, unless a test says otherwise.
pub(crate) const POOL: u16 = 16;

/// The port that the containers listen on.
pub(crate) const BACKEND_PORT: u16 = 8080;

/// The end of a template that HAProxy accepts with the few sample ports, and rejects with the ports of a pool.
pub(crate) const REJECTED_AMONG_MANY: &str =
    "{{#each listeners}}{{#if (gt port 5002)}}\n  frobnicate {{@root.maxconn}}\n{{/if}}{{/each}}\n";

/// The pause between two checks of a condition that cannot be awaited.
const CHECK_EVERY: Duration = Duration::from_millis(5);

/// A metadata server with the service `app/web`, that service's containers, and stalls between them.
///
/// At its end the form of every line that stalls has logged is checked.
pub(crate) struct Stage {
    runs: Runs,
    launch: Launch,
    base: u16,
    pool: u16,
    fleet: Fleet,
    pub(crate) server: MetadataServer,
    pub(crate) block: Block,
}

/// Each start of stalls; the last one is the current one.
struct Runs(Vec<Stalls>);

// === Setting up ===

impl Stage {
    /// Everything runs, and every port is as it should be.
    pub(crate) async fn with_scale(scale: usize) -> Self {
        Self::prepared(scale).await.started().await
    }

    /// Everything runs but stalls.
    pub(crate) async fn prepared(scale: usize) -> Self {
        Self::prepared_with(scale, |_| {}).await
    }

    /// Everything runs but stalls; the metadata server is adjusted before it starts.
    pub(crate) async fn prepared_with(scale: usize, adjust: impl FnOnce(&mut MetadataOptions)) -> Self {
        let block = Block::reserve();
        let mut options = MetadataOptions::new(World::new(block.container_addresses(), scale));
        options.listen = (block.metadata_ip(), 0).into();
        adjust(&mut options);
        let server = MetadataServer::start(options).await;
        let mut fleet = Fleet::new("app", "web", BACKEND_PORT);
        fleet.sync(&server).await;
        let launch = launch(block.listen_ip(), &server.base_url());
        Self { runs: Runs(Vec::new()), launch, base: BASE, pool: POOL, fleet, server, block }
    }

    /// Sets a variable for the next start of stalls.
    pub(crate) fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.launch = self.launch.env(name, value);
        self
    }

    /// Leaves a variable out at the next start of stalls.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.launch = self.launch.without(name);
        self
    }

    /// Has stalls started by another program, whose last arguments are stalls and its own.
    pub(crate) fn through(mut self, program: &[&str]) -> Self {
        self.launch = self.launch.through(program);
        self
    }

    /// Makes every change a reload: this template leaves nothing that could be changed at runtime.
    pub(crate) fn with_reloads(self) -> Self {
        let template = self.launch.state_dir().join("haproxy.cfg.hbs");
        fs::write(&template, reload_template()).expect("a template can be written");
        self.env("HAPROXY_TEMPLATE", template.display())
    }

    /// Has the pool begin at another port.
    pub(crate) fn on_base(mut self, base: u16) -> Self {
        self.base = base;
        self.env("BASE_PORT", base)
    }

    /// Has the pool be of another size.
    pub(crate) fn with_pool(mut self, count: u16) -> Self {
        self.pool = count;
        self.env("PORT_COUNT", count)
    }

    /// Starts stalls, and returns when every port is as it should be.
    pub(crate) async fn started(mut self) -> Self {
        self.start();
        self.settled().await;
        // A port may lead to its container a moment before stalls has finished and logged that.
        self.line(PLAN_APPLIED).await;
        self
    }

    /// Starts stalls, again if it has been started and has ended since.
    pub(crate) fn start(&mut self) {
        self.runs.0.push(self.launch.start());
    }
}

// === The world ===

impl Stage {
    /// Changes the world, and lets the containers follow.
    pub(crate) async fn change<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = self.server.change(change);
        self.containers_follow().await;
        result
    }

    /// Changes the world; the processes of containers that are gone run on, and so do their connections.
    pub(crate) async fn change_lingering<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = self.server.change(change);
        self.start_containers().await;
        result
    }

    /// Starts the containers that the world has; the processes of those that are gone run on.
    pub(crate) async fn start_containers(&mut self) {
        self.fleet.start(&self.server).await;
    }

    /// The containers, to be ended or stopped without the world's knowledge.
    pub(crate) fn fleet(&mut self) -> &mut Fleet {
        &mut self.fleet
    }

    /// Starts and ends containers until they are those that the world has.
    pub(crate) async fn containers_follow(&mut self) {
        self.fleet.sync(&self.server).await;
    }

    /// The uuid of the container that has this index; of two the newer one's.
    pub(crate) fn uuid(&self, index: u32) -> String {
        self.server.read(|world| world.service("app", "web").container(index).uuid.clone())
    }

    /// Waits until stalls has seen the last change and read all that it needs of it.
    pub(crate) async fn caught_up(&self) {
        self.server.await_caught_up(SOON).await;
    }

    /// Which container should be reached on which port: container `k` on the `k`th, of two the newer.
    fn assignments(&self) -> BTreeMap<u16, String> {
        self.server.read(|world| assignments(world, self.base))
    }
}

// === The ports ===

impl Stage {
    /// Where a port of the pool listens.
    pub(crate) fn address(&self, port: u16) -> SocketAddr {
        self.block.listen(port)
    }

    /// The ports of the pool.
    pub(crate) fn ports(&self) -> Range<u16> {
        self.base..self.base + self.pool
    }

    /// Waits until the port leads to this container.
    pub(crate) async fn expect_port(&self, port: u16, uuid: &str) {
        let landed = await_landing(self.address(port), uuid, SOON).await;
        landed.unwrap_or_else(|not_yet| panic!("{not_yet}"));
    }

    /// Waits until the port refuses.
    pub(crate) async fn expect_refused(&self, port: u16) {
        let refused = await_refused(self.address(port), SOON).await;
        refused.unwrap_or_else(|not_yet| panic!("{not_yet}"));
    }

    /// The port refuses at the first attempt.
    pub(crate) async fn assert_refused(&self, port: u16) {
        let refused = await_refused(self.address(port), Duration::ZERO).await;
        refused.unwrap_or_else(|otherwise| panic!("{otherwise}"));
    }

    /// Waits until every port leads to the container with its index, and the others refuse.
    pub(crate) async fn settled(&self) {
        Mapped::settled(self).await;
    }

    /// Opens a connection that stays.
    pub(crate) async fn hold(&self, port: u16) -> Held {
        Held::connect(self.address(port)).await.unwrap_or_else(|error| panic!("port {port}: {error}"))
    }
}

// === stalls ===

impl Stage {
    /// The stalls process that was started last.
    pub(crate) fn stalls(&self) -> &Stalls {
        self.runs.0.last().expect("stalls has been started")
    }

    /// Sends stalls a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.stalls().signal(signal);
    }

    /// Waits until stalls has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.runs.0.last_mut().expect("stalls has been started").wait(SOON).await
    }

    /// Whether stalls has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.runs.0.last_mut().expect("stalls has been started").exit_status().is_none()
    }

    /// Asks stalls to end, and checks that it exits with 0 and leaves nothing running.
    pub(crate) async fn end(&mut self) {
        self.signal(Signal::TERM);
        self.ended_well().await;
    }

    /// Waits until stalls has exited with 0, and checks that it has left nothing running.
    pub(crate) async fn ended_well(&mut self) {
        assert_eq!(self.ended().await.code(), Some(0));
        self.nothing_is_left().await;
    }

    /// No HAProxy is left, no folder of a generation, no listening port.
    pub(crate) async fn nothing_is_left(&self) {
        assert_eq!(self.launch.haproxy_pids(), [] as [u32; 0], "stalls has left HAProxy running");
        let entries = fs::read_dir(self.launch.run_dir()).expect("RUN_DIR can be read");
        let folders: Vec<_> = entries.map(|e| e.unwrap().path()).filter(|path| path.is_dir()).collect();
        assert_eq!(folders, [] as [PathBuf; 0], "folders of generations are left");
        for port in self.ports() {
            self.assert_refused(port).await;
        }
    }

    /// Kills stalls (SIGKILL); its HAProxy serves on.
    pub(crate) async fn kill(&mut self) {
        self.runs.0.last_mut().expect("stalls has been started").kill().await;
    }

    /// Kills stalls (SIGKILL) and starts it again; returns when it has adopted the HAProxy that it finds.
    pub(crate) async fn kill_and_start(&mut self) {
        self.kill().await;
        self.start();
        self.line(PLAN_APPLIED).await;
    }

    /// What `stalls render` prints with the settings of this stage.
    pub(crate) async fn render(&self) -> String {
        let ended = run(&self.launch.clone().arg("render")).await;
        assert_eq!((ended.code, ended.stderr), (Some(0), vec![]));
        ended.stdout.iter().map(|line| format!("{line}\n")).collect()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.launch.state_dir()
    }

    pub(crate) fn launch(&self) -> &Launch {
        &self.launch
    }
}

// === HAProxy ===

impl Stage {
    /// The process id of HAProxy, once there is only one.
    pub(crate) async fn haproxy(&self) -> u32 {
        let single = Cell::new(None);
        until("a single HAProxy", || {
            // One that executes another program at this moment has no arguments to be known by.
            single.set(self.launch.haproxy_pids()[..].try_into().map(|[pid]: [u32; 1]| pid).ok());
            single.get().is_some()
        })
        .await;
        single.get().expect("it has been awaited")
    }

    /// The copy of HAProxy's configuration, once it has the newest plan that is in force.
    pub(crate) async fn haproxy_cfg(&self) -> String {
        let newest = |message| self.lines(message).last().and_then(|line| line["revision"].as_u64());
        until("a copy of the newest plan", || newest(CONFIG_WRITTEN) >= newest(PLAN_APPLIED)).await;
        fs::read_to_string(self.launch.run_dir().join("haproxy.cfg")).expect("there is a configuration")
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        // The backends do not run while this waits, so connections would never drain.
        self.0.iter().for_each(|stalls| stalls.signal(Signal::KILL));
        if !thread::panicking() {
            self.0.iter().flat_map(Stalls::log_texts).for_each(|line| check_form(&line));
            let stderr: Vec<_> = self.0.iter().flat_map(Stalls::stderr_lines).collect();
            assert_eq!(stderr, [] as [String; 0], "a running stalls process writes nothing to stderr");
        }
    }
}

// === Beside the stage ===

/// Waits until this is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "not so after {SOON:?}: {what}");
        sleep(CHECK_EVERY).await;
    }
}

/// Waits until there has been some load, and stops it; no connection may have failed.
pub(crate) async fn end_well(load: Load) {
    until("some load", || load.so_far().ok > 200).await;
    let report: LoadReport = load.stop().await;
    assert_eq!(report.failures(), 0, "{report:?}");
}

/// The first port of a run of free ones on every address, below the ephemeral ports.
pub(crate) fn free_run(count: u16) -> u16 {
    let is_free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
    let mut bases = std::iter::repeat_with(|| fastrand::u16(10_000..30_000));
    bases.find(|base| (*base..base + count).all(is_free)).expect("there are many")
}

/// The text of a sample of the real metadata server.
pub(crate) fn sample(name: &str) -> String {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/testdata/rancher-metadata");
    fs::read_to_string(samples.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
