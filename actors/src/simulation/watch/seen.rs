//! What the watch observes: what stalls learns and does, and the effect.

use std::{collections::BTreeSet, net::SocketAddr, rc::Rc, sync::Arc};

use rustix::process::Signal;

use super::{
    super::{
        instance::Instance,
        process::{Phase, Process, Session},
        scene::Scene,
        wanted::Wanted,
    },
    Cuts, Life, UnderWay, Watch,
};
use crate::{
    allocation::Plan,
    config::Routes,
    haproxy::{Command, Launch},
    state::SavedState,
    testing::ms,
};

impl Scene {
    fn demand(&self, is_true: Result<(), String>) {
        if let Err(violation) = is_true {
            self.trace.violate(violation);
            // A loop without a pause would keep time from passing, and the run from ending.
            self.agenda.bell.notify_one();
        }
    }

    // === what stalls learns ===

    pub(in super::super) fn life_begins(&self) {
        let mut watch = self.watch.borrow_mut();
        watch.end_lingering(self.now());
        watch.life = Life::default();
    }

    pub(in super::super) fn life_is_to_end(&self) {
        self.watch.borrow_mut().life.is_stopping = true;
    }

    pub(in super::super) fn is_stopping(&self) -> bool {
        self.watch.borrow().life.is_stopping
    }

    pub(in super::super) fn document_told(&self, containers: &[Instance]) {
        let mut watch = self.watch.borrow_mut();
        watch.life.documents.push(containers.to_vec());
        watch.life.document_at = Some(self.now());
        watch.life.proof_age = self.now() - watch.life.confirmed_at;
        watch.life.confirmed_at = self.now();
        watch.life.flapping.follow(containers, self.now());
        let unsteady = watch.unsteady(self.now());
        let is_ready = |container: &Instance| container.health == Some("healthy");
        let wanted = Wanted::by_document(containers, watch.max_ports, &unsteady, is_ready);
        watch.life.told_last = Some(wanted.clone());
        watch.want(wanted);
        if watch.absence_is_proof {
            // By then it has been decided upon.
            self.after(ms(1), |scene| scene.check_absence());
        }
    }

    fn check_absence(&self) {
        let is_fine = self.watch.borrow().absence_is_final(self.now());
        self.demand(is_fine);
    }

    /// The source says that nothing has changed.
    pub(in super::super) fn confirmed(&self) {
        self.watch.borrow_mut().life.confirmed_at = self.now();
    }

    /// An answer fails, and with it what else was asked for in the same round.
    pub(in super::super) fn source_failed(&self) {
        self.watch.borrow_mut().life.source_failed_at = Some(self.now());
    }

    /// stalls tries whether a container accepts connections.
    pub(in super::super) fn probed(&self, address: SocketAddr) {
        if !self.watch.borrow().may_be_probed(address, self.now()) {
            self.trace.violate(format!("{address} is probed, though nothing depends on it"));
        }
    }

    /// The container accepts the connection.
    pub(in super::super) fn reached(&self, address: SocketAddr) {
        self.trace.say(format!("probe: {address} is reached"));
        self.watch.borrow_mut().life.reached.insert(address, self.now());
    }

    pub(in super::super) fn state_loaded(&self, state: Option<&SavedState>) {
        self.trace.say(format!("disk: revision {:?} is loaded", state.map(|state| state.revision)));
        let mut watch = self.watch.borrow_mut();
        // What was not saved is lost.
        watch.newest_revision = state.map_or(0, |state| state.revision);
        state.into_iter().for_each(|state| watch.want(Wanted::by_saved_state(state)));
    }

    // === what stalls does ===

    pub(in super::super) fn planned(&self, plan: &Arc<Plan>) {
        let routes: Routes = plan.routes().collect();
        let servers: Vec<_> = routes.values().flatten().collect();
        if servers.iter().collect::<BTreeSet<_>>().len() != servers.len() {
            self.trace.violate(format!("two ports are to lead to one container: {routes:?}"));
        }
        self.watch.borrow_mut().life.routes.push((self.now(), routes));
        let is_fine = self.watch.borrow_mut().plan(plan, &self.world.borrow(), self.now());
        self.demand(is_fine);
    }

    pub(in super::super) fn launched(&self, launch: &Launch) {
        let is_starting = |watch: &Watch| {
            let host = self.host.borrow();
            let starting = host.processes.iter().filter(|(_, process)| process.phase == Phase::Starting);
            starting.into_iter().any(|(generation, _)| watch.life.launched.contains(generation))
        };
        if is_starting(&self.watch.borrow()) {
            self.trace.violate("two HAProxies are started at once");
        }
        if self.watch.borrow().life.changes_under_way.get() {
            self.trace.violate("HAProxy is started while another one is being changed at runtime");
        }
        let is_fine = self.watch.borrow_mut().launch(launch, self.now());
        self.demand(is_fine);
    }

    /// The host calls this, not stalls.
    pub(in super::super) fn start_failed(&self, generation: u64) {
        let life = &mut self.watch.borrow_mut().life;
        // A process that an earlier stalls process has started may end before this one knows of it.
        if life.launched.contains(&generation) {
            life.restarts.fails(self.now());
        }
        self.trace.say(format!("host: {generation} does not start, failure {}", life.restarts.failures));
    }

    /// The host calls this, not stalls.
    pub(in super::super) fn serves(&self, generation: u64) {
        self.host.borrow_mut().find(generation).into_iter().for_each(|process| process.has_served = true);
        self.watch.borrow_mut().life.restarts.serves(self.now());
    }

    /// stalls learns that a process has ended which it has not ended itself.
    pub(in super::super) fn end_told(&self, generation: u64, ended: &Process) {
        let life = &mut self.watch.borrow_mut().life;
        // The end of a process that is being replaced, or that stalls has reason not to rely upon, makes no difference.
        let is_newest = life.launched.last() == Some(&generation);
        let is_relied_upon = ended.phase == Phase::Serving && !ended.is_faulty && !ended.is_contrary;
        if ended.phase != Phase::Starting {
            life.restarts.ends(generation, is_newest && is_relied_upon, self.now());
        }
    }

    pub(in super::super) fn commands_sent(&self, commands: &[Command]) -> (UnderWay, Cuts) {
        let changes: Vec<_> =
            commands.iter().filter(|command| super::super::cli::is_mutating(command)).collect();
        if changes.is_empty() {
            return (UnderWay(None), Cuts::new());
        }
        let mut watch = self.watch.borrow_mut();
        if watch.life.changes_under_way.replace(true) {
            self.trace.violate("HAProxy gets two runtime updates at once");
        }
        let is_cut = |port: &u16| changes.contains(&&Command::ShutdownSessions(*port));
        let mut cuts = std::mem::take(&mut watch.life.replaced);
        cuts.retain(|port, _| is_cut(port));
        for command in changes {
            match *command {
                Command::SetAddress(port, to) => {
                    let position = watch.position(port);
                    watch.life.replaced.insert(port, position);
                    self.demand(watch.tell(port, Some(to)));
                }
                Command::EnableFrontend(port) => _ = watch.life.closed.remove(&port),
                _ => {}
            }
        }
        for pair in commands.windows(2) {
            if let [Command::DisableFrontend(port), Command::SetMaintenance(freed)] = *pair
                && port == freed
            {
                watch.life.closed.insert(port);
                // One that gets another server may be closed while its connections are cut.
                if !self.setup.hangs_sessions() {
                    self.demand(watch.tell(port, None));
                }
            }
        }
        (UnderWay(Some(Rc::clone(&watch.life.changes_under_way))), cuts)
    }

    fn is_taken(&self, port: u16) -> bool {
        self.host.borrow().sockets.taken.contains(&port)
    }

    /// stalls ends a process, or lets it drain.
    pub(in super::super) fn signalled(&self, generation: u64, signal: Signal) {
        // If another program has taken one of its ports, stalls cannot tell that the process has released it.
        let is_healthy = self.host.borrow().processes.get(&generation).is_some_and(|process| {
            !process.is_faulty && !process.config.routes.keys().any(|port| self.is_taken(*port))
        });
        if signal != Signal::USR1 && is_healthy && !self.is_stopping() {
            self.cut(generation, None, None);
        }
        let mut host = self.host.borrow_mut();
        let Some(process) = host.find(generation) else { return };
        process.is_given_up = true;
        let life = &mut self.watch.borrow_mut().life;
        if signal == Signal::KILL && life.launched.contains(&generation) && !life.is_stopping {
            match process.has_served {
                true => life.restarts.is_killed(self.now()),
                false => life.restarts.fails(self.now()),
            }
        }
    }

    /// The connections of a port, or of all ports, are cut: those to the container that had the port at a certain
    /// position in the history, and all later ones.
    pub(in super::super) fn cut(&self, generation: u64, port: Option<u16>, position: Option<usize>) {
        let cut: Vec<_> = match self.host.borrow_mut().find(generation) {
            Some(process) => {
                process.sessions.extract_if(.., |s| port.is_none_or(|port| s.port == port)).collect()
            }
            None => return,
        };
        // The end of the process ends these, too.
        let hangs = self.setup.hangs_sessions() && port.is_some();
        for session in cut.iter().filter(|session| hangs && session.connected_at > self.now()) {
            self.trace.violate(format!("a client of port {} hangs for ever", session.port));
        }
        let watch = self.watch.borrow();
        let since =
            |session: &Session| position.map_or(session.since, |position| position.min(session.since));
        for session in cut.iter().filter(|s| !watch.may_cut(s.port, s.server, since(s))) {
            self.trace.violate(format!("a connection of port {} to {} is cut", session.port, session.server));
        }
    }

    // === the effect ===

    pub(in super::super) fn check_port(&self, port: u16) {
        let host = self.host.borrow();
        let mut watch = self.watch.borrow_mut();
        let views: Vec<_> = host.views(port).collect();
        if !self.setup.ports().contains(&port) || watch.disturbed.contains(&port) || views.is_empty() {
            return;
        }
        let landings: Vec<_> = host.landings(port).collect();
        watch.note_strangers(port, &landings, &self.world.borrow());
        self.demand(watch.check(port, &landings, &views));
    }

    pub(in super::super) fn check_lingering(&self) {
        if !self.is_stopping() {
            let is_fine = self.watch.borrow().linger_for_a_reason(&self.world.borrow(), self.now());
            self.demand(is_fine);
        }
    }

    pub(in super::super) fn check_all_ports(&self) {
        self.setup.ports().for_each(|port| self.check_port(port));
    }
}
