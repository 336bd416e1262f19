//! What must always be true, looked at whenever anything happens.
//!
//! Where a port leads lags behind what is wanted: a plan has to reach the disk and then HAProxy. How far it may lag
//! is a matter of time, which [`super::settled`] looks at. But at no moment may it be anything that was not wanted
//! since the state in which it was last found: a port never goes back, and never leads to a container that has not
//! been entitled to it. So each port has a *position* in the history of what was wanted.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rustix::process::Signal;

use super::{
    flapping::{Flapping, Unsteady},
    process::Phase,
    scene::Scene,
    setup::{BASE_PORT, Setup},
    wanted::{Wanted, at, may_take_over},
    world::Instance,
};
use crate::{
    allocation::{MappingPlan, Occupant, Plan, SavedState},
    config::Routes,
    haproxy::{Command, Launch},
    testing::ms,
};

/// More HAProxies are not started in so long a time, whatever fails.
const MOST_LAUNCHES: (usize, Duration) = (40, Duration::from_secs(10));
/// Half of the span of the first pause between failed starts; each following one is twice as long.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Half of the longest.
const LONGEST_SHORTEST_PAUSE: Duration = Duration::from_secs(15);

/// What has been seen so far.
pub(super) struct Watch {
    most_ports: u16,
    guard: Duration,
    /// What was wanted, one after the other: each document that stalls was told, and what it remembered at each start.
    history: Vec<Wanted>,
    positions: BTreeMap<u16, usize>,
    /// The ports that somebody else has changed.
    disturbed: BTreeSet<u16>,
    newest_revision: u64,
    /// When each slot lost its container last.
    freed: BTreeMap<u16, Duration>,
    life: Life,
    launches: VecDeque<Duration>,
}

/// What is true of one stalls, from its start to its end.
#[derive(Default)]
struct Life {
    is_stopping: bool,
    documents: Vec<Vec<Instance>>,
    /// When the last one came.
    document_at: Option<Duration>,
    flapping: Flapping,
    /// When somebody has accepted a connection where.
    reached: BTreeMap<SocketAddr, Duration>,
    /// The newest plan, and how many documents there were then.
    plan: Option<(Arc<Plan>, usize)>,
    planned_at: Duration,
    /// Since when ports are held whose containers are gone.
    held_since: Option<Duration>,
    /// The configurations that were written.
    files: Vec<Routes>,
    /// How far in them HAProxy has been told of each port.
    told: BTreeMap<u16, usize>,
    changes_under_way: Rc<Cell<bool>>,
    /// Where the ports stood that are being given another server.
    replaced: BTreeMap<u16, usize>,
    launched: BTreeSet<u64>,
    /// How many starts have failed in a row, and when the last one did.
    failed: (u32, Duration),
}

/// Changes that HAProxy is being told of, until stalls has the answer or waits for it no more.
pub(super) struct UnderWay(Option<Rc<Cell<bool>>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.iter().for_each(|changes_under_way| changes_under_way.set(false));
    }
}

impl Watch {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            most_ports: setup.most_ports,
            guard: setup.guard,
            history: vec![Wanted::default()],
            positions: BTreeMap::new(),
            disturbed: BTreeSet::new(),
            newest_revision: 0,
            freed: BTreeMap::new(),
            life: Life::default(),
            launches: VecDeque::new(),
        }
    }

    /// Where in the history a connection of this port begins. If old ones are being cut, it is one of them.
    pub(super) fn beginning(&self, port: u16) -> usize {
        self.life.replaced.get(&port).copied().unwrap_or_else(|| self.position(port))
    }

    /// Where in the history a port stands.
    fn position(&self, port: u16) -> usize {
        self.positions.get(&port).copied().unwrap_or(0)
    }

    fn want(&mut self, wanted: Wanted) {
        if self.history.last() != Some(&wanted) {
            self.history.push(wanted);
        }
    }

    /// From now on a port may be anything: somebody else has changed it.
    pub(super) fn disturb(&mut self, port: u16) {
        self.disturbed.insert(port);
    }

    /// What others have changed is set right by now.
    pub(super) fn settle(&mut self) {
        let newest = self.history.len() - 1;
        for port in std::mem::take(&mut self.disturbed) {
            self.positions.insert(port, newest);
        }
    }

    /// Looks at a port that leads to these `landings`. During a handover several HAProxies listen, and a socket that
    /// one has closed may be opened again by the other; so the port is only where all of their `views` are.
    fn look(
        &mut self,
        port: u16,
        landings: &[SocketAddr],
        views: &[Option<SocketAddr>],
    ) -> Result<(), String> {
        let slot = port - BASE_PORT;
        let position = self.position(port);
        let later = &self.history[position..];
        if let Some(astray) = landings.iter().find(|at| !later.iter().any(|w| w.fits(slot, Some(**at)))) {
            return Err(format!("port {port} leads to {astray}, which it is not to (any more)"));
        }
        if let Some(further) = later.iter().position(|w| views.iter().all(|view| w.fits(slot, *view))) {
            self.positions.insert(port, position + further);
        }
        Ok(())
    }

    /// Whether a connection may be cut: it led to somebody who has not had a claim to its port all the time since. Of
    /// those without an index that is not known.
    fn may_cut(&self, port: u16, server: SocketAddr, since: usize) -> bool {
        let has_claim = |wanted: &Wanted| wanted.only(port - BASE_PORT) == Some(server);
        self.disturbed.contains(&port) || !self.history[since..].iter().all(has_claim)
    }

    /// HAProxy is told that this is on a port. Only what is on disk may be live.
    fn tell(&mut self, port: u16, route: Option<SocketAddr>) -> Result<(), String> {
        let told = self.life.told.get(&port).copied().unwrap_or(0);
        let later = self.life.files.iter().enumerate().skip(told);
        let on_disk =
            later.filter(|(_, file)| file.get(&port) == Some(&route)).map(|(position, _)| position).next();
        let on_disk =
            on_disk.ok_or_else(|| format!("port {port} is told {route:?}, which is not on disk"))?;
        self.life.told.insert(port, on_disk);
        Ok(())
    }

    fn launch(&mut self, launch: &Launch, now: Duration) -> Result<(), String> {
        let newest_told = self.life.told.values().copied().max().unwrap_or(0);
        let routes = &launch.config.routes;
        let on_disk = self.life.files.iter().rposition(|file| file == routes);
        let on_disk = on_disk.ok_or("HAProxy is started with what is not on disk")?;
        if on_disk < newest_told {
            return Err("HAProxy is started with less than it had been told".into());
        }
        self.life.told = routes.keys().map(|port| (*port, on_disk)).collect();
        if launch.config.revision > self.newest_revision {
            return Err(format!("revision {} has not been planned", launch.config.revision));
        }
        self.life.launched.insert(launch.generation);

        let (failures, last) = self.life.failed;
        let shortest = match failures {
            0 | 1 => Duration::ZERO,
            more => (SHORTEST_PAUSE * 2_u32.saturating_pow(more - 2)).min(LONGEST_SHORTEST_PAUSE),
        };
        if now - last < shortest {
            return Err(format!("{:?} after {failures} failed starts another one", now - last));
        }
        let (most, within) = MOST_LAUNCHES;
        self.launches.push_back(now);
        self.launches.retain(|at| now - *at < within);
        if self.launches.len() > most {
            return Err(format!("more than {most} starts within {within:?}"));
        }
        Ok(())
    }

    fn plan(&mut self, plan: &Arc<Plan>, now: Duration) -> Result<(), String> {
        if plan.revision <= self.newest_revision {
            return Err(format!("revision {} follows {}", plan.revision, self.newest_revision));
        }
        self.newest_revision = plan.revision;
        let documents = self.life.documents.len();
        // Of one moment it is not known whether the plan or the document was first.
        let is_told_now = self.life.document_at == Some(now);
        let before = self.life.plan.replace((Arc::clone(plan), documents));
        for (position, mapping) in plan.mappings.iter().enumerate() {
            let uuids: BTreeSet<_> = mapping.slots.values().map(|occupant| &occupant.uuid).collect();
            if uuids.len() != mapping.slots.len() {
                return Err(format!("a container has two slots: {:?}", mapping.slots));
            }
            let before = before.as_ref().map(|(plan, documents)| (&plan.mappings[position], *documents));
            if let Some((before, documents_before)) = before {
                let is_told = is_told_now || documents_before < documents;
                // What one was made of may have been told a while before it.
                let told = &self.life.documents[documents_before.saturating_sub(1)..];
                self.follows(before, mapping, is_told, now)?;
                self.takes_over_in_order(before, mapping, told, now)?;
                self.frees_in_time(before, mapping, now)?;
                let freed = before.slots.keys().filter(|slot| !mapping.slots.contains_key(slot));
                self.freed.extend(freed.map(|slot| (*slot, now)));
            }
            let is_held = !mapping.held.is_empty();
            self.life.held_since = is_held.then(|| self.life.held_since.unwrap_or(now));
        }
        self.life.planned_at = now;
        Ok(())
    }

    /// Whether the stalls that started this generation lives, and does not tell HAProxy of changes at present.
    pub(super) fn is_at_rest_since(&self, generation: u64) -> bool {
        self.life.launched.contains(&generation) && !self.life.changes_under_way.get()
    }

    /// Who changes its state so often that it may be as it was.
    pub(super) fn unsteady(&self, now: Duration) -> Unsteady {
        self.life.flapping.unsteady(now)
    }

    /// When the last plan was made.
    pub(super) fn planned_at(&self) -> Duration {
        self.life.planned_at
    }

    /// When a slot lost its container last, whether or not HAProxy was told.
    pub(super) fn freed_at(&self, slot: u16) -> Option<Duration> {
        self.freed.get(&slot).copied()
    }

    /// Whether a slot may keep its container although it is gone: for a while, and unless somebody else is there.
    pub(super) fn may_be_held(&self, slot: u16, containers: &[Instance], now: Duration) -> bool {
        let mappings = self.life.plan.iter().flat_map(|(plan, _)| &plan.mappings);
        let mut held = mappings.filter(|mapping| mapping.held.contains(&slot));
        let in_time = self.life.held_since.is_some_and(|since| now <= since + self.guard);
        in_time
            && held.any(|mapping| {
                mapping.slots.get(&slot).is_some_and(|occupant| !is_somebody_elses(occupant, containers))
            })
    }

    /// Of two with one index the older one keeps the slot until the newer one is ready.
    fn takes_over_in_order(
        &self,
        before: &MappingPlan,
        after: &MappingPlan,
        told: &[Vec<Instance>],
        now: Duration,
    ) -> Result<(), String> {
        let unsteady = self.unsteady(now);
        for (slot, old) in before.slots.iter() {
            let Some(new) = after.slots.get(slot).filter(|new| new.uuid != old.uuid) else { continue };
            let is_doubtful = [old, new].iter().any(|occupant| unsteady.contains_key(&*occupant.uuid));
            let is_reached = self.life.reached.get(&at(new.address)) == Some(&now);
            let is_fine = |document: &Vec<Instance>| may_take_over(document, &old.uuid, &new.uuid);
            if !is_doubtful && !is_reached && !told.iter().any(is_fine) {
                return Err(format!(
                    "{} takes slot {slot} over from {} and is not ready",
                    new.uuid, old.uuid
                ));
            }
        }
        Ok(())
    }

    /// Most ports are not freed at once, unless that has been wanted for a while.
    fn frees_in_time(&self, before: &MappingPlan, after: &MappingPlan, now: Duration) -> Result<(), String> {
        let placed: BTreeSet<_> = after.slots.values().map(|occupant| &occupant.uuid).collect();
        let gone: Vec<_> = before
            .slots
            .iter()
            .filter(|(slot, occupant)| !after.slots.contains_key(slot) && !placed.contains(&occupant.uuid))
            .collect();
        let mapped = before.slots.len();
        let are_most = gone.len() == mapped || (mapped >= 4 && 2 * gone.len() > mapped);
        let is_due = self.life.held_since.is_some_and(|since| now >= since + self.guard);
        let Some(newest) = self.life.documents.last() else { return Ok(()) };
        let unexplained = gone.iter().find(|(_, occupant)| !is_somebody_elses(occupant, newest));
        match unexplained {
            Some((slot, _)) if are_most && !is_due && !self.guard.is_zero() => {
                Err(format!("slot {slot} and most others are freed at once, {} of {mapped}", gone.len()))
            }
            _ => Ok(()),
        }
    }

    /// Whether a connection may be tried there to find out who is ready: it is a container's that runs, has no health
    /// check and is not alone in claiming its slot.
    fn may_be_probed(&self, address: SocketAddr, now: Duration) -> bool {
        let unsteady = self.unsteady(now);
        let claims = |document: &Vec<Instance>| {
            document.iter().any(|c| {
                c.address.map(|its| at(its.into())) == Some(address)
                    && document.iter().any(|other| other.index == c.index && other.age() < c.age())
            })
        };
        let is_doubtful = unsteady.values().flatten().any(|its| at((*its).into()) == address);
        is_doubtful || self.life.documents.iter().rev().take(2).any(claims)
    }

    /// Whether a plan may follow another.
    fn follows(
        &self,
        before: &MappingPlan,
        after: &MappingPlan,
        is_told: bool,
        now: Duration,
    ) -> Result<(), String> {
        let newest = self.history.last();
        // Time may have come for something to happen that was put off.
        let is_due = self.life.reached.values().any(|at| *at == now)
            || !before.held.is_empty()
            || newest.is_some_and(|wanted| wanted.has_unsteady);
        if after.pool_size < before.pool_size {
            return Err(format!("the pool shrinks from {} to {}", before.pool_size, after.pool_size));
        }
        for (slot, occupant) in before.slots.iter() {
            let stays = after.slots.get(slot).is_some_and(|after| after.uuid == occupant.uuid);
            let server = at(occupant.address);
            if !stays && !is_told && !is_due {
                return Err(format!("{} loses slot {slot}, and no document says so", occupant.uuid));
            }
            // Whoever has no index keeps the slot that no index claims.
            let may_stay =
                newest.is_some_and(|w| !w.claimed.contains_key(slot) && w.anywhere.contains(&server));
            let is_elsewhere = after.slots.iter().any(|(_, other)| other.uuid == occupant.uuid);
            if !stays && may_stay && is_elsewhere {
                return Err(format!("{} moves away from slot {slot}", occupant.uuid));
            }
        }
        Ok(())
    }
}

/// Whether somebody else is reached where this container was.
fn is_somebody_elses(occupant: &Occupant, containers: &[Instance]) -> bool {
    let is_there = |c: &&Instance| c.is_alive() && c.address.map(Into::into) == Some(occupant.address);
    containers.iter().filter(is_there).max_by_key(|c| c.age()).is_some_and(|c| c.uuid() != *occupant.uuid)
}

impl Scene {
    fn demand(&self, is_true: Result<(), String>) {
        if let Err(violation) = is_true {
            self.trace.violate(violation);
        }
    }

    // === what stalls learns ===

    pub(super) fn life_begins(&self) {
        self.watch.borrow_mut().life = Life::default();
    }

    pub(super) fn life_is_to_end(&self) {
        self.watch.borrow_mut().life.is_stopping = true;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.watch.borrow().life.is_stopping
    }

    pub(super) fn document_told(&self, containers: &[Instance]) {
        let mut watch = self.watch.borrow_mut();
        watch.life.documents.push(containers.to_vec());
        watch.life.document_at = Some(self.now());
        watch.life.flapping.follow(containers, self.now());
        let unsteady = watch.unsteady(self.now());
        let is_ready = |container: &Instance| container.health == Some("healthy");
        let wanted = Wanted::by_document(containers, watch.most_ports, &unsteady, is_ready);
        watch.want(wanted);
    }

    /// stalls tries whether a container accepts connections.
    pub(super) fn probed(&self, address: SocketAddr) {
        if !self.watch.borrow().may_be_probed(address, self.now()) {
            self.trace.violate(format!("{address} is tried, though nothing depends on it"));
        }
    }

    /// It does.
    pub(super) fn reached(&self, address: SocketAddr) {
        self.trace.say(format!("probe: {address} is reached"));
        self.watch.borrow_mut().life.reached.insert(address, self.now());
    }

    pub(super) fn state_loaded(&self, state: Option<&SavedState>) {
        self.trace.say(format!("disk: revision {:?} is remembered", state.map(|state| state.revision)));
        let mut watch = self.watch.borrow_mut();
        // Whatever was not saved is lost.
        watch.newest_revision = state.map_or(0, |state| state.revision);
        state.into_iter().for_each(|state| watch.want(Wanted::by_memory(state)));
    }

    // === what stalls does ===

    pub(super) fn planned(&self, plan: &Arc<Plan>) {
        let is_fine = self.watch.borrow_mut().plan(plan, self.now());
        self.demand(is_fine);
    }

    pub(super) fn config_written(&self, routes: Routes) {
        self.watch.borrow_mut().life.files.push(routes);
    }

    pub(super) fn launched(&self, launch: &Launch) {
        let is_starting = |watch: &Watch| {
            let host = self.host.borrow();
            let starting = host.processes.iter().filter(|(_, process)| process.phase == Phase::Starting);
            starting.into_iter().any(|(generation, _)| watch.life.launched.contains(generation))
        };
        if is_starting(&self.watch.borrow()) {
            self.trace.violate("two HAProxies are started at once");
        }
        let is_fine = self.watch.borrow_mut().launch(launch, self.now());
        self.demand(is_fine);
    }

    /// Told by the host, not by stalls.
    pub(super) fn start_failed(&self, generation: u64) {
        let now = self.now();
        let failed = &mut self.watch.borrow_mut().life.failed;
        *failed = (failed.0 + 1, now);
        self.trace.say(format!("host: {generation} does not start, {} in a row", failed.0));
    }

    /// One serves, or one that served has ended: what fails from now on is another matter.
    pub(super) fn failures_are_over(&self) {
        self.watch.borrow_mut().life.failed = (0, ms(0));
    }

    pub(super) fn commands_sent(&self, commands: &[Command]) -> UnderWay {
        let changes: Vec<_> = commands.iter().filter(|command| super::cli::is_mutating(command)).collect();
        if changes.is_empty() {
            return UnderWay(None);
        }
        let mut watch = self.watch.borrow_mut();
        if watch.life.changes_under_way.replace(true) {
            self.trace.violate("HAProxy is told of two changes at once");
        }
        let is_cut = |port: &u16| changes.contains(&&Command::ShutdownSessions(*port));
        watch.life.replaced.retain(|port, _| is_cut(port));
        for command in changes {
            if let Command::SetAddress(port, to) = *command {
                let position = watch.position(port);
                watch.life.replaced.insert(port, position);
                self.demand(watch.tell(port, Some(to)));
            }
        }
        for pair in commands.windows(2) {
            if let [Command::DisableFrontend(port), Command::SetMaintenance(freed)] = *pair
                && port == freed
            {
                self.demand(watch.tell(port, None));
            }
        }
        UnderWay(Some(Rc::clone(&watch.life.changes_under_way)))
    }

    fn is_taken(&self, port: u16) -> bool {
        self.host.borrow().sockets.taken.contains(&port)
    }

    /// stalls ends a process, or lets it drain.
    pub(super) fn signalled(&self, generation: u64, signal: Signal) {
        // If somebody else has taken one of its ports, stalls cannot tell that it has let go of it.
        let is_healthy = self.host.borrow().processes.get(&generation).is_some_and(|process| {
            !process.is_faulty && !process.config.routes.keys().any(|port| self.is_taken(*port))
        });
        if signal != Signal::USR1 && is_healthy && !self.is_stopping() {
            self.cut(generation, None);
        }
    }

    /// The connections of a port, or of all, are cut.
    pub(super) fn cut(&self, generation: u64, port: Option<u16>) {
        let cut: Vec<_> = match self.host.borrow_mut().find(generation) {
            Some(process) => {
                process.sessions.extract_if(.., |s| port.is_none_or(|port| s.port == port)).collect()
            }
            None => return,
        };
        let watch = self.watch.borrow();
        for session in cut.iter().filter(|s| !watch.may_cut(s.port, s.server, s.since)) {
            self.trace.violate(format!("a connection of port {} to {} is cut", session.port, session.server));
        }
    }

    // === what comes of it ===

    pub(super) fn look_at_port(&self, port: u16) {
        let host = self.host.borrow();
        let mut watch = self.watch.borrow_mut();
        let views: Vec<_> = host.views(port).collect();
        if !self.setup.ports().contains(&port) || watch.disturbed.contains(&port) || views.is_empty() {
            return;
        }
        let landings: Vec<_> = host.landings(port).collect();
        self.demand(watch.look(port, &landings, &views));
    }

    pub(super) fn look_at_all_ports(&self) {
        self.setup.ports().for_each(|port| self.look_at_port(port));
    }
}
