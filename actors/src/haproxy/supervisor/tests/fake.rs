//! A host whose HAProxies are entries in a table, and whose clock is tokio's.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::{Future, ready},
    io,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler};
use futures_util::FutureExt;
use rustix::{io::Errno, process::Signal};
use tokio::{sync::oneshot, time::Instant};

use super::super::{
    super::{
        OnLeave,
        bindable::Unbindable,
        fake_haproxy::FakeHaproxy,
        host::{HaproxyHost, Launch, Leftover, Running},
        port_state::ports_of,
        runtime_api::{CliError, Command, RuntimeApi, Unavailable},
    },
    HaproxySupervisor, SupervisorSettings,
};
use crate::{
    config::{ConfigWritten, Frame, HaproxyConfig, Verdict},
    haproxy::{CheckConfig, ExcludePorts, Writer},
    messages::{Leave, PlanChanged, Shutdown},
    supervise::ActorSet,
    testing::{Lines, haproxy_config, plan_of, run},
};

pub(super) const DRAIN: Duration = Duration::from_secs(8);
pub(super) const MAX_DRAINING: usize = 16;
pub(super) const RECONCILE: Duration = Duration::from_secs(30);

/// How a HAProxy behaves once it is started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// It serves.
    Serve,
    /// It runs and never answers.
    Mute,
    /// It ends right away, as when a port is taken.
    Die,
    /// It cannot be started at all.
    Missing,
}

#[derive(Default)]
pub(super) struct Host {
    /// What the next ones do; after that they serve.
    pub(super) fates: VecDeque<Fate>,
    pub(super) launches: Vec<(Instant, Launch)>,
    /// What was done to each, in order: signals, commands, what was removed.
    pub(super) deeds: Vec<(u64, String)>,
    /// Which does not end on which signal: because of its connections, or because it hangs.
    pub(super) ignores: BTreeSet<(u64, &'static str)>,
    pub(super) taken_ports: BTreeSet<u16>,
    /// Whose end frees which taken port.
    pub(super) freed_by_end: BTreeMap<u64, u16>,
    pub(super) leftovers: Vec<(Leftover, Fate)>,
    /// What those that are started call their version, if they have another one than usual.
    pub(super) version: &'static str,
    /// How many looks it takes until a new address is in force.
    pub(super) looks_to_effect: u32,
    /// What the next command of this text is answered; it is not carried out.
    pub(super) refuses: BTreeMap<String, &'static str>,
    /// What each answer takes, beyond a moment.
    pub(super) answer_takes: Duration,
    /// A HAProxy that receives this command hangs.
    pub(super) hangs_at: Option<String>,
    /// How many connections each has that is asked about.
    pub(super) connections: BTreeMap<u64, usize>,
    /// There are no descriptors to ask anybody with.
    pub(super) is_exhausted: bool,
    running: BTreeMap<u64, Process>,
    haproxys: BTreeMap<u64, FakeHaproxy>,
}

impl Host {
    /// What a HAProxy does with its ports, to be looked at or to be disturbed. One that was left behind does what
    /// [`config`] says.
    pub(super) fn haproxy(&mut self, generation: u64, pid: u32) -> &mut FakeHaproxy {
        self.haproxys.entry(generation).or_insert_with(|| FakeHaproxy::new(pid, &ports_of(&config(1, ""))))
    }
}

struct Process {
    pid: u32,
    fate: Fate,
    starting: bool,
    end: Option<oneshot::Sender<String>>,
}

#[derive(Clone, Default)]
pub(super) struct FakeHost(pub(super) Rc<RefCell<Host>>);

impl FakeHost {
    pub(super) fn generations(&self) -> Vec<u64> {
        self.0.borrow().launches.iter().map(|(_, launch)| launch.generation).collect()
    }

    pub(super) fn running(&self) -> Vec<u64> {
        self.0.borrow().running.keys().copied().collect()
    }

    pub(super) fn deeds_to(&self, generation: u64) -> Vec<String> {
        let host = self.0.borrow();
        host.deeds.iter().filter(|(to, _)| *to == generation).map(|(_, deed)| deed.clone()).collect()
    }

    /// The pauses between launches.
    pub(super) fn gaps(&self) -> Vec<Duration> {
        self.0.borrow().launches.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    pub(super) fn end(&self, generation: u64, how: &str) {
        let mut host = self.0.borrow_mut();
        if let Some(mut process) = host.running.remove(&generation) {
            if let Some(port) = host.freed_by_end.remove(&generation) {
                host.taken_ports.remove(&port);
            }
            let _ = process.end.take().map(|end| end.send(how.into()));
        }
    }

    /// A running one behaves otherwise from now on: `Mute` hangs, `Die` listens no more.
    pub(super) fn turns(&self, generation: u64, fate: Fate) {
        self.0.borrow_mut().running.get_mut(&generation).unwrap().fate = fate;
    }

    fn start(&self, launch: &Launch) -> io::Result<Running> {
        let fate = {
            let mut host = self.0.borrow_mut();
            host.launches.push((Instant::now(), launch.clone()));
            assert!(host.running.values().all(|process| !process.starting), "two steps at once");
            // Only the first start finds out by itself.
            let is_taken = launch.config.routes.keys().any(|port| host.taken_ports.contains(port));
            assert!(!is_taken || host.launches.len() == 1, "a taken port");
            if is_taken { Fate::Die } else { host.fates.pop_front().unwrap_or(Fate::Serve) }
        };
        if fate == Fate::Missing {
            return Err(io::ErrorKind::NotFound.into());
        }
        let pid = 1000 + u32::try_from(launch.generation).unwrap();
        let mut haproxy = FakeHaproxy::started(pid, &launch.config);
        let mut host = self.0.borrow_mut();
        haproxy.version = Some(host.version).filter(|version| !version.is_empty()).unwrap_or(haproxy.version);
        host.haproxys.insert(launch.generation, haproxy);
        drop(host);
        Ok(self.run(launch.generation, pid, fate, true))
    }

    fn run(&self, generation: u64, pid: u32, fate: Fate, starting: bool) -> Running {
        let (end, ended) = oneshot::channel();
        self.0.borrow_mut().running.insert(generation, Process { pid, fate, starting, end: Some(end) });
        if fate == Fate::Die {
            self.end(generation, "exit code 1");
        }
        Running { pid, ended: ended.map(|how| how.unwrap_or_default()).boxed_local() }
    }
}

impl HaproxyHost for FakeHost {
    fn launch(&self, launch: Launch) -> impl Future<Output = io::Result<Running>> + 'static {
        ready(self.start(&launch))
    }

    fn leftovers(&self) -> io::Result<Vec<Leftover>> {
        Ok(self.0.borrow().leftovers.iter().map(|(leftover, _)| leftover.clone()).collect())
    }

    fn follow(&self, leftover: &Leftover) -> Running {
        let is_it = |(other, _): &&(Leftover, Fate)| other.generation == leftover.generation;
        let fate = self.0.borrow().leftovers.iter().find(is_it).map(|(_, fate)| *fate).unwrap();
        self.run(leftover.generation, leftover.pid, fate, false)
    }

    fn socket(&self, generation: u64) -> PathBuf {
        generation.to_string().into()
    }

    fn signal(&self, _: u64, pid: u32, signal: Signal) {
        let mut host = self.0.borrow_mut();
        let Some((generation, process)) = host.running.iter_mut().find(|(_, process)| process.pid == pid)
        else {
            return;
        };
        process.starting = false;
        let generation = *generation;
        let name = [(Signal::USR1, "USR1"), (Signal::TERM, "TERM"), (Signal::KILL, "KILL")];
        let name = name.into_iter().find(|(known, _)| *known == signal).unwrap().1;
        host.deeds.push((generation, name.into()));
        let ignores = host.ignores.contains(&(generation, name));
        drop(host);
        if !ignores {
            self.end(generation, name);
        }
    }

    fn remove_socket(&self, generation: u64) {
        self.0.borrow_mut().deeds.push((generation, "socket removed".into()));
    }

    fn remove_dir(&self, generation: u64) {
        self.0.borrow_mut().deeds.push((generation, "folder removed".into()));
    }

    fn unbindable(&self, ports: &mut dyn Iterator<Item = u16>) -> Vec<Unbindable> {
        let host = self.0.borrow();
        let taken = ports.filter(|port| host.taken_ports.contains(port));
        taken.map(|port| Unbindable { port, error: io::ErrorKind::AddrInUse.into() }).collect()
    }

    fn connections(
        &self,
        pids: Vec<u32>,
        ports: BTreeSet<u16>,
        _: Duration,
    ) -> impl Future<Output = Option<usize>> + 'static {
        assert!(ports.contains(&5000), "{ports:?}");
        let host = self.0.borrow();
        let of = |pid| {
            let (generation, _) = host.running.iter().find(|(_, process)| process.pid == pid)?;
            host.connections.get(generation).copied()
        };
        ready(pids.into_iter().map(of).sum())
    }
}

/// The runtime APIs of the HAProxies on a host.
pub(super) struct FakeApi(FakeHost);

impl RuntimeApi for FakeApi {
    fn run(
        &self,
        socket: PathBuf,
        commands: Vec<Command>,
    ) -> impl Future<Output = Result<Vec<String>, CliError>> + 'static {
        let answer = answer(&self.0, &socket, &commands);
        let takes = self.0.0.borrow().answer_takes;
        async move {
            // Every answer takes a moment, in which other things may happen.
            tokio::time::sleep(takes + Duration::from_millis(1)).await;
            answer
        }
    }
}

fn answer(host: &FakeHost, socket: &Path, commands: &[Command]) -> Result<Vec<String>, CliError> {
    let generation: u64 = socket.to_str().unwrap().parse().unwrap();
    let mut host = host.0.borrow_mut();
    if host.is_exhausted {
        return Err(Unavailable::Exhausted { socket: socket.to_owned(), source: Errno::MFILE.into() }.into());
    }
    let leftover = host.leftovers.iter().find(|(leftover, _)| leftover.generation == generation);
    let leftover = leftover.map(|(leftover, fate)| (leftover.pid, *fate));
    let process = host.running.get(&generation).map(|process| (process.pid, process.fate)).or(leftover);
    let (pid, fate) = process.ok_or_else(|| not_listening(socket))?;
    match fate {
        Fate::Serve => {}
        Fate::Mute => {
            return Err(timed_out(socket));
        }
        Fate::Die | Fate::Missing => return Err(not_listening(socket)),
    }
    let mut replies = Vec::new();
    for command in commands {
        if host.hangs_at.as_ref().is_some_and(|text| *text == command.to_string()) {
            host.running.get_mut(&generation).into_iter().for_each(|process| process.fate = Fate::Mute);
            return Err(timed_out(socket));
        }
        match command {
            Command::ShowInfo => {
                host.running.get_mut(&generation).into_iter().for_each(|process| process.starting = false);
            }
            Command::ShowServers(_) if host.looks_to_effect > 0 => host.looks_to_effect -= 1,
            Command::ShowServers(_) => host.haproxy(generation, pid).catch_up(),
            Command::ShowFrontends(_) | Command::ShowBackends(_) | Command::ShowSessions => {}
            told => host.deeds.push((generation, told.to_string())),
        }
        let refusal = host.refuses.remove(&command.to_string()).map(str::to_owned);
        let reply = refusal.unwrap_or_else(|| host.haproxy(generation, pid).answer(*command));
        replies.push((*command, reply));
    }
    if let Some((command, reply)) = replies.iter().find(|(command, reply)| !command.succeeded(reply)) {
        return Err(CliError::Rejected {
            socket: socket.to_owned(),
            command: *command,
            reply: reply.clone(),
        });
    }
    Ok(replies.into_iter().map(|(_, reply)| reply).collect())
}

fn not_listening(socket: &Path) -> CliError {
    Unavailable::NotListening { socket: socket.to_owned(), source: io::ErrorKind::ConnectionRefused.into() }
        .into()
}

fn timed_out(socket: &Path) -> CliError {
    Unavailable::TimedOut { socket: socket.to_owned(), limit: Duration::ZERO }.into()
}

/// Stands in for the writer: keeps what it is asked for.
#[derive(Clone, Default)]
pub(super) struct FakeWriter {
    pub(super) excluded: Arc<Mutex<Vec<BTreeSet<u16>>>>,
    pub(super) checks: Arc<AtomicUsize>,
}

impl Actor for FakeWriter {
    type Context = Context<Self>;
}

impl Handler<ExcludePorts> for FakeWriter {
    type Result = ();

    fn handle(&mut self, ExcludePorts(ports): ExcludePorts, _: &mut Context<Self>) {
        self.excluded.lock().unwrap().push(ports);
    }
}

impl Handler<CheckConfig> for FakeWriter {
    type Result = ();

    fn handle(&mut self, _: CheckConfig, _: &mut Context<Self>) {
        self.checks.fetch_add(1, Ordering::Relaxed);
    }
}

/// A supervisor among fakes, in virtual time.
pub(super) struct Scene {
    pub(super) host: FakeHost,
    pub(super) excluded: Arc<Mutex<Vec<BTreeSet<u16>>>>,
    checks: Arc<AtomicUsize>,
    pub(super) supervisor: Addr<HaproxySupervisor<FakeHost, FakeApi>>,
    pub(super) actors: ActorSet,
    pub(super) log: Lines,
}

impl Scene {
    /// Must be called within an actix system.
    pub(super) fn new(prepare: impl FnOnce(&mut Host)) -> Self {
        Self::with_template(true, prepare)
    }

    /// Whether the template lets a running HAProxy be told of changes.
    pub(super) fn with_template(updates_at_runtime: bool, prepare: impl FnOnce(&mut Host)) -> Self {
        tokio::time::pause();
        let host = FakeHost::default();
        prepare(&mut host.0.borrow_mut());
        let writer = FakeWriter::default();
        let (excluded, checks) = (Arc::clone(&writer.excluded), Arc::clone(&writer.checks));
        let settings = SupervisorSettings {
            drain: DRAIN,
            max_draining: MAX_DRAINING,
            reconcile: RECONCILE,
            on_leave: OnLeave::ByState,
            updates_at_runtime,
            seed: 7,
        };
        let api = FakeApi(host.clone());
        let log = Lines::default();
        let writer = writer.start();
        let writer = Writer { exclude: writer.clone().recipient(), check: writer.recipient() };
        let actor = HaproxySupervisor::new(settings, host.clone(), api, writer, log.logger());
        let (supervisor, actors) = run(actor);
        Self { host, excluded, checks, supervisor, actors, log }
    }

    /// How often the writer was asked to have a frame checked.
    pub(super) fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }

    /// The allocator has a plan with these routes, and HAProxy has accepted this frame.
    pub(super) fn send(&self, config: HaproxyConfig) {
        self.send_plan(&config);
        self.send_frame(&config, Verdict::Accepted);
    }

    /// The allocator has a plan with these routes. Of the excluded ports it says nothing else than that there are some.
    pub(super) fn send_plan(&self, config: &HaproxyConfig) {
        let mut routes = config.routes.clone();
        routes.extend(config.frame.excluded.iter().map(|port| (*port, None)));
        self.supervisor.do_send(PlanChanged(Arc::new(plan_of(config.revision, &routes))));
    }

    /// The writer has a frame, or a verdict on it.
    pub(super) fn send_frame(&self, config: &HaproxyConfig, verdict: Verdict) {
        let frame =
            Frame { revision: config.revision, proposal: config.revision, ..config.frame.as_ref().clone() };
        self.supervisor.do_send(ConfigWritten { frame: Arc::new(frame), verdict });
    }

    /// As [`Scene::send`], and what follows from it.
    pub(super) async fn write(&self, config: HaproxyConfig) {
        self.send(config);
        self.settle().await;
    }

    /// Lets everything happen that takes milliseconds.
    pub(super) async fn settle(&self) {
        self.wait(Duration::from_millis(30)).await;
    }

    pub(super) async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub(super) fn shut_down(&self, haproxy: Leave) {
        self.supervisor.do_send(Shutdown { haproxy });
    }

    /// Waits for the supervisor's end; tells how long that took.
    pub(super) async fn end(&mut self) -> Duration {
        let asked = Instant::now();
        self.actors.first_end().await;
        asked.elapsed()
    }
}

/// Port 5000 leads to a container, 5001 is free; configurations with another `frame` need a reload.
pub(super) fn config(revision: u64, frame: &str) -> HaproxyConfig {
    leading_to(revision, frame, &[(5000, Some("10.42.0.7:8080")), (5001, None)])
}

pub(super) fn leading_to(revision: u64, frame: &str, routes: &[(u16, Option<&str>)]) -> HaproxyConfig {
    let routes = routes.iter().map(|(port, server)| (*port, server.map(|s| s.parse().unwrap()))).collect();
    HaproxyConfig { revision, ..haproxy_config(frame, routes) }
}
