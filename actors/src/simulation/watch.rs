//! What must always be true, checked whenever anything happens.
//!
//! Where a port leads lags behind what is wanted: a plan has to reach HAProxy. How far it may lag is a matter of
//! time, which [`super::settled`] checks. But at no moment may it be anything that was not wanted since the state in
//! which it was last found: a port never goes back, and never leads to a container that has not been entitled to it.
//! So each port has a *position* in the history of what was wanted.

mod lingering;
mod plans;
mod proof;
mod restarts;
mod seen;
mod steps;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use self::restarts::Restarts;
use super::{
    flapping::{Flapping, Unsteady},
    instance::Instance,
    setup::{BASE_PORT, Setup},
    wanted::{Claim, Wanted},
};
use crate::{allocation::Plan, config::Routes};

/// What has been seen so far.
pub(super) struct Watch {
    max_ports: u16,
    linger: Duration,
    /// Whether a container is gone that a document does not have.
    absence_is_proof: bool,
    /// How often a port led to a container that was not its own, as rule 6 allows for a moment.
    pub(super) strangers: BTreeSet<(u16, String)>,
    hangs_sessions: bool,
    /// For how long each container has lingered, in all lives: what is left of its time is saved.
    lingered: BTreeMap<Arc<str>, Duration>,
    /// What was wanted, in order: each document that stalls was told, and the saved assignments at each start.
    history: Vec<Wanted>,
    positions: BTreeMap<u16, usize>,
    /// The ports that another program has changed.
    disturbed: BTreeSet<u16>,
    newest_revision: u64,
    /// When each slot lost its container last.
    freed: BTreeMap<u16, Duration>,
    life: Life,
    launches: VecDeque<Duration>,
}

/// What is true of one stalls process, from its start to its end.
#[derive(Default)]
struct Life {
    is_stopping: bool,
    documents: Vec<Vec<Instance>>,
    /// When the last one came.
    document_at: Option<Duration>,
    flapping: Flapping,
    /// When a probe was accepted at each address.
    reached: BTreeMap<SocketAddr, Duration>,
    /// The newest plan, and how many documents there were then.
    plan: Option<(Arc<Plan>, usize)>,
    planned_at: Duration,
    /// What the newest document says of all slots.
    told_last: Option<Wanted>,
    /// When the source last said what it had said before, or anything new.
    confirmed_at: Duration,
    /// When an answer failed last: documents may have been told, and not been followed.
    source_failed_at: Option<Duration>,
    /// How long before the newest document that was.
    proof_age: Duration,
    /// Since when each container lingers.
    lingers_since: BTreeMap<Arc<str>, Duration>,
    /// When each plan was made, and where it leads the ports.
    routes: Vec<(Duration, Routes)>,
    /// The newest of these plans that HAProxy has been told of, for each port.
    told: BTreeMap<u16, usize>,
    changes_under_way: Rc<Cell<bool>>,
    /// Where the ports stood that are being given another server.
    replaced: Cuts,
    /// The ports that HAProxy was told to close, for good or while their connections are cut.
    closed: BTreeSet<u16>,
    launched: BTreeSet<u64>,
    restarts: Restarts,
}

/// The positions that ports had before they were given another server; HAProxy is told to cut the connections to the
/// old one.
pub(super) type Cuts = BTreeMap<u16, usize>;

/// A runtime update of HAProxy, until stalls has the answer or no longer waits for it.
pub(super) struct UnderWay(Option<Rc<Cell<bool>>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.iter().for_each(|changes_under_way| changes_under_way.set(false));
    }
}

impl Watch {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            max_ports: setup.max_ports,
            linger: setup.linger,
            absence_is_proof: setup.absence_is_proof(),
            strangers: BTreeSet::new(),
            lingered: BTreeMap::new(),
            hangs_sessions: setup.hangs_sessions(),
            history: vec![Wanted::default()],
            positions: BTreeMap::new(),
            disturbed: BTreeSet::new(),
            newest_revision: 0,
            freed: BTreeMap::new(),
            life: Life::default(),
            launches: VecDeque::new(),
        }
    }

    /// Where in the history a port stands.
    pub(super) fn position(&self, port: u16) -> usize {
        self.positions.get(&port).copied().unwrap_or(0)
    }

    fn want(&mut self, wanted: Wanted) {
        if self.history.last() != Some(&wanted) {
            self.history.push(wanted);
        }
    }

    /// The newest plan lets these containers linger.
    fn want_lingering(&mut self) {
        let lingering: Vec<_> = self.lingering().map(|(slot, a)| (slot, a.backend)).collect();
        let Some(told) = &self.life.told_last else { return };
        let mut wanted = told.clone();
        for (slot, server) in lingering {
            let void = || Claim { servers: BTreeSet::new(), may_be_void: true };
            wanted.claimed.entry(slot).or_insert_with(void).servers.insert(server);
        }
        self.want(wanted);
    }

    /// From now on a port may be anything: another program has changed it.
    pub(super) fn disturb(&mut self, port: u16) {
        self.disturbed.insert(port);
    }

    /// stalls has repaired by now what others have changed. A port whose container lingers is as it was wanted a while
    /// ago.
    pub(super) fn settle(&mut self) {
        let newest = self.history.len() - 1;
        let mappings = self.life.plan.iter().flat_map(|(plan, _)| &plan.mappings);
        let lingering: BTreeSet<_> =
            mappings.flat_map(|mapping| mapping.lingering.iter().map(|slot| BASE_PORT + slot)).collect();
        for port in self.disturbed.extract_if(.., |port| !lingering.contains(port)) {
            self.positions.insert(port, newest);
        }
    }

    /// Checks a port that leads to these `landings`. During a reload several HAProxies listen, and a socket that
    /// one has closed may be opened again by the other; so the port is only where all of their `views` are.
    fn check(
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
        // A port that is closed for a cut is not yet one that is to refuse.
        let is_closed_for_a_cut =
            self.hangs_sessions && self.life.closed.contains(&port) && views.iter().all(Option::is_none);
        if !is_closed_for_a_cut
            && let Some(further) = later.iter().position(|w| views.iter().all(|view| w.fits(slot, *view)))
        {
            self.positions.insert(port, position + further);
        }
        Ok(())
    }

    /// Whether a connection may be cut: it led to a container that has not had a claim to its port all the time since.
    /// For containers without an index that is not known.
    fn may_cut(&self, port: u16, server: SocketAddr, since: usize) -> bool {
        let has_claim = |wanted: &Wanted| wanted.only(port - BASE_PORT) == Some(server);
        let lingers = self
            .lingering()
            .any(|(slot, assignment)| slot == port - BASE_PORT && assignment.backend == server);
        self.disturbed.contains(&port) || !lingers && !self.history[since..].iter().all(has_claim)
    }

    /// Whether the stalls process that started this generation runs, and is not changing HAProxy at present.
    pub(super) fn is_at_rest_since(&self, generation: u64) -> bool {
        self.life.launched.contains(&generation) && !self.life.changes_under_way.get()
    }

    /// The containers that change their state so often that they may be as they were.
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
}
