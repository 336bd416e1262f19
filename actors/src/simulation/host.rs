//! The host: its HAProxies from their start to their end.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::{Future, ready},
    io,
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use futures_util::FutureExt;
use rustix::process::Signal;
use tokio::{sync::oneshot, time::sleep};

use super::{
    faults::Fault,
    process::{Phase, Process, Session},
    repaired::expect_repaired,
    scene::Scene,
    sockets::Sockets,
};
use crate::{
    haproxy::{
        HaproxyHost, Launch, Leftover, Running, Unbindable,
        fake_haproxy::{HANGING, WELL},
    },
    testing::ms,
};

/// What runs on it.
#[derive(Default)]
pub(super) struct Host {
    pub(super) processes: BTreeMap<u64, Process>,
    pub(super) sockets: Sockets,
    pids: u32,
    sessions: u64,
}

impl Host {
    pub(super) fn find(&mut self, generation: u64) -> Option<&mut Process> {
        self.processes.get_mut(&generation)
    }

    /// The newest that serves.
    pub(super) fn newest_serving(&self) -> Option<u64> {
        let mut serving = self.processes.iter().filter(|(_, process)| process.phase == Phase::Serving);
        serving.next_back().map(|(generation, _)| *generation)
    }

    /// Those that accept connections on this port, and where each leads them; nowhere, if its server is not to be
    /// used.
    fn accepting(&self, port: u16) -> impl Iterator<Item = (u64, Option<SocketAddr>)> + '_ {
        let listens = move |process: &Process| {
            process.held.get(&port).is_some_and(|socket| self.sockets.listens(*socket))
        };
        let accepting = self.processes.iter().filter(move |(_, p)| p.is_serving() && listens(p));
        accepting.map(move |(generation, process)| (*generation, process.fake.leads_to(port)))
    }

    /// Where a connection may lead that is made now.
    pub(super) fn landings(&self, port: u16) -> impl Iterator<Item = SocketAddr> + '_ {
        self.accepting(port).filter_map(|(_, server)| server)
    }

    /// Whether a connection is accepted or waits to be, wherever it leads.
    pub(super) fn is_open(&self, port: u16) -> bool {
        self.sockets.is_busy(port)
    }

    /// Where each process that serves this port would lead a connection if its socket were open.
    pub(super) fn views(&self, port: u16) -> impl Iterator<Item = Option<SocketAddr>> + '_ {
        let serving = self.processes.values().filter(move |p| p.is_serving() && p.held.contains_key(&port));
        serving.map(move |process| process.fake.leads_to(port))
    }

    fn release_sockets(&mut self) {
        let held: BTreeSet<u64> =
            self.processes.values().flat_map(|process| process.held.values().copied()).collect();
        self.sockets.keep_only(&held);
    }

    /// Listens on all ports of a process that starts; `None` if it cannot, and dies.
    fn open_ports(&mut self, generation: u64) -> Option<()> {
        let process = self.processes.get(&generation)?;
        let ports: Vec<u16> = process.config.routes.keys().copied().collect();
        let inherited = match process.inherit.map(|from| self.processes.get(&from)) {
            None => BTreeMap::new(),
            Some(Some(from)) if from.is_serving() && !from.is_retired => from.held.clone(),
            Some(_) => return None,
        };
        for port in ports {
            let inherited = inherited.get(&port).copied();
            let socket = inherited.filter(|socket| self.sockets.listen(*socket));
            let socket = if inherited.is_some() { socket } else { self.sockets.bind(port) };
            self.find(generation)?.held.insert(port, socket?);
        }
        Some(())
    }
}

/// The host as stalls uses it.
#[derive(Clone)]
pub(super) struct Haproxies(pub(super) Rc<Scene>);

impl Haproxies {
    fn strikes(&self, fault: Fault) -> bool {
        self.0.faults.borrow_mut().strikes(fault, self.0.now())
    }

    /// A process begins to start.
    fn start(&self, launch: Launch) -> io::Result<Running> {
        let Launch { generation, config, inherit } = launch;
        let scene = &self.0;
        if self.strikes(Fault::Missing) {
            scene.start_failed(generation);
            return Err(io::ErrorKind::NotFound.into());
        }
        let (follower, ended) = oneshot::channel();
        let pid = {
            let mut host = scene.host.borrow_mut();
            host.pids += 1;
            let pid = 1000 + host.pids;
            let mut process = Process::starting(pid, config, inherit, follower);
            process.fake.version = if scene.setup.hangs_sessions() { HANGING } else { WELL };
            if host.processes.insert(generation, process).is_some() {
                scene.trace.violate(format!("generation {generation} is started twice"));
            }
            pid
        };
        let takes = if self.strikes(Fault::SlowStart) { 500..8_000 } else { 5..120 };
        let dies = self.strikes(Fault::DiesAtStart);
        let is_mute = self.strikes(Fault::MuteAtStart);
        let start = move |scene: &Rc<Scene>| start(scene, generation, dies, is_mute);
        scene.after(scene.draw_ms(takes), unless_ended(pid, start));
        Ok(Running { pid, ended: ended.map(|how| how.unwrap_or_default()).boxed_local() })
    }
}

impl HaproxyHost for Haproxies {
    fn launch(&self, launch: Launch) -> impl Future<Output = io::Result<Running>> + 'static {
        let Launch { generation, config, inherit } = &launch;
        let scene = &self.0;
        scene
            .trace
            .say(format!("host: {generation} starts, revision {}, after {inherit:?}", config.revision));
        scene.launched(&launch);
        let (this, prepares) = (self.clone(), scene.draw_ms(0..5));
        async move {
            sleep(prepares).await;
            this.start(launch)
        }
    }

    fn leftovers(&self) -> io::Result<Vec<Leftover>> {
        let host = self.0.host.borrow();
        let leftover = |(generation, process): (&u64, &Process)| Leftover {
            generation: *generation,
            pid: process.pid,
            record: Some(process.record()).filter(|_| !self.0.chance(0.05)),
        };
        Ok(host.processes.iter().map(leftover).collect())
    }

    fn follow(&self, leftover: &Leftover) -> Running {
        let (follower, ended) = oneshot::channel();
        if let Some(process) = self.0.host.borrow_mut().find(leftover.generation) {
            process.followers.push(follower);
        }
        let notices = self.0.draw_ms(0..200);
        let ended = async move {
            let _ = ended.await;
            sleep(notices).await;
            String::from("status unknown")
        };
        Running { pid: leftover.pid, ended: ended.boxed_local() }
    }

    fn socket(&self, generation: u64) -> PathBuf {
        generation.to_string().into()
    }

    fn signal(&self, _: u64, pid: u32, signal: Signal) {
        let generation = self.0.host.borrow().processes.iter().find(|(_, p)| p.pid == pid).map(|(g, _)| *g);
        let Some(generation) = generation else { return };
        self.0.trace.say(format!("host: {generation} is sent {signal:?}"));
        self.0.signalled(generation, signal);
        receive_signal(&self.0, generation, signal);
    }

    fn remove_socket(&self, generation: u64) {
        if let Some(process) = self.0.host.borrow_mut().find(generation) {
            process.is_retired = true;
        }
    }

    fn remove_dir(&self, generation: u64) {
        if self.0.host.borrow().processes.contains_key(&generation) {
            self.0.trace.violate(format!(
                "the directory of generation {generation} is removed while its process runs"
            ));
        }
    }

    fn unbindable(&self, ports: &mut dyn Iterator<Item = u16>) -> Vec<Unbindable> {
        let host = self.0.host.borrow();
        let busy = ports.filter(|port| host.sockets.is_busy(*port));
        busy.map(|port| Unbindable { port, error: io::ErrorKind::AddrInUse.into() }).collect()
    }

    fn connections(
        &self,
        _: Vec<u32>,
        _: BTreeSet<u16>,
        _: Duration,
    ) -> impl Future<Output = Option<usize>> + 'static {
        ready(None)
    }
}

/// An event that happens only if the process still runs: another one may have got its generation number.
pub(super) fn unless_ended(
    pid: u32,
    event: impl FnOnce(&Rc<Scene>) + 'static,
) -> impl FnOnce(&Rc<Scene>) + 'static {
    move |scene| {
        let runs = scene.host.borrow().processes.values().any(|process| process.pid == pid);
        if runs {
            event(scene);
        }
    }
}

/// A process begins to listen, or fails to start.
fn start(scene: &Rc<Scene>, generation: u64, dies: bool, is_mute: bool) {
    let opened = {
        let mut host = scene.host.borrow_mut();
        let is_starting = host.find(generation).is_some_and(|process| process.phase == Phase::Starting);
        if !is_starting {
            return;
        }
        // A process that dies may have opened some ports before.
        let gets_far = !dies || scene.chance(0.3);
        let opened = gets_far && host.open_ports(generation).is_some();
        let opened = opened && !dies;
        if let Some(process) = host.find(generation).filter(|_| opened) {
            process.phase = Phase::Serving;
            process.hangs = is_mute;
            process.is_faulty = is_mute;
        }
        opened
    };
    if !opened {
        scene.start_failed(generation);
        let inherited = scene.host.borrow_mut().find(generation).and_then(|process| process.inherit);
        inherited.into_iter().for_each(|live| expect_repaired(scene, generation, live));
        return die(scene, generation, "exit code 1");
    }
    scene.trace.say(format!("host: {generation} listens"));
    if !is_mute {
        scene.serves(generation);
    }
    scene.check_all_ports();
}

/// A process ends.
pub(super) fn die(scene: &Rc<Scene>, generation: u64, how: &str) {
    let ended = {
        let mut host = scene.host.borrow_mut();
        let ended = host.processes.remove(&generation);
        host.release_sockets();
        ended
    };
    let Some(ended) = ended else { return };
    scene.trace.say(format!("host: {generation} ends, {how}"));
    let how = how.to_owned();
    // stalls notices the end when the pipes are empty.
    scene.after(scene.draw_ms(0..6), move |scene| {
        if !ended.is_given_up {
            scene.end_told(generation, &ended);
        }
        for follower in ended.followers {
            let _ = follower.send(how.clone());
        }
    });
    scene.check_all_ports();
}

/// A process hangs for a while, or for ever.
pub(super) fn hang(scene: &Rc<Scene>, generation: u64, time: Option<Duration>) {
    let Some(pid) = scene.host.borrow_mut().find(generation).map(|process| {
        (process.hangs, process.is_faulty) = (true, true);
        process.pid
    }) else {
        return;
    };
    scene.trace.say(format!("host: {generation} hangs for {time:?}"));
    if let Some(time) = time {
        scene.after(time, unless_ended(pid, move |scene| go_on(scene, generation)));
    }
}

fn go_on(scene: &Rc<Scene>, generation: u64) {
    let (waiting, signals, has_served) = {
        let mut host = scene.host.borrow_mut();
        let Some(process) = host.find(generation) else { return };
        process.hangs = false;
        let (waiting, signals) = (&mut process.waiting, &mut process.pending_signals);
        (std::mem::take(waiting), std::mem::take(signals), process.has_served)
    };
    scene.trace.say(format!("host: {generation} goes on"));
    if !has_served {
        scene.serves(generation);
    }
    for signal in signals {
        receive_signal(scene, generation, signal);
    }
    for batch in waiting {
        super::cli::carry_out(scene, generation, batch);
    }
    scene.check_all_ports();
}

/// A process receives a signal, from stalls or from anybody else.
pub(super) fn receive_signal(scene: &Rc<Scene>, generation: u64, signal: Signal) {
    let (pid, how) = {
        let mut host = scene.host.borrow_mut();
        let Some(process) = host.find(generation) else { return };
        let pid = process.pid;
        let how = match signal {
            Signal::KILL => Some("signal 9"),
            _ if process.hangs => {
                process.pending_signals.push(signal);
                None
            }
            Signal::TERM => Some("signal 15"),
            _ if process.phase == Phase::Starting => Some("exit code 0"),
            _ => {
                process.phase = Phase::Draining;
                process.held.clear();
                host.release_sockets();
                None
            }
        };
        (pid, how)
    };
    match how {
        Some(how) => {
            // The system takes a moment to end it.
            let how = how.to_owned();
            scene.after(scene.draw_ms(0..4), unless_ended(pid, move |scene| die(scene, generation, &how)));
        }
        None => scene.after(ms(1), unless_ended(pid, move |scene| end_if_drained(scene, generation))),
    }
    scene.check_all_ports();
}

fn end_if_drained(scene: &Rc<Scene>, generation: u64) {
    let is_done = scene.host.borrow_mut().find(generation).is_some_and(|process| {
        process.phase == Phase::Draining && !process.hangs && process.sessions.is_empty()
    });
    if is_done {
        die(scene, generation, "exit code 0");
    }
}

/// A client connects, and stays for a while.
pub(super) fn connect(scene: &Rc<Scene>, port: u16) {
    let accepting: Vec<_> = scene.host.borrow().accepting(port).collect();
    let Some((generation, Some(server))) = scene.choose(&accepting) else { return };
    let since = scene.watch.borrow().position(port);
    let number = {
        let mut host = scene.host.borrow_mut();
        host.sessions += 1;
        let number = host.sessions;
        let connected_at = scene.now() + connecting_for(number);
        let session = Session { number, port, server, connected_at, since };
        host.find(generation).into_iter().for_each(|process| process.sessions.push(session));
        number
    };
    scene.after(scene.draw_ms(10..60_000), move |scene| {
        if let Some(process) = scene.host.borrow_mut().find(generation) {
            process.sessions.retain(|session| session.number != number);
        }
        end_if_drained(scene, generation);
    });
}

/// Some servers take a moment, and some do not answer a first attempt at all.
fn connecting_for(session: u64) -> Duration {
    match session % 8 {
        0 => ms(3_000),
        1 | 2 => ms(20),
        _ => Duration::ZERO,
    }
}
