//! All decisions: from inputs, each at its time, to plans. Pure, so that a replay of what was recorded decides as the
//! allocator did.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::zip,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    AllocatorSettings, Hold, Plan,
    memory::Leftovers,
    own_listeners::own_listeners,
    pool::{Around, Pool, PoolNews},
};
use crate::{
    domain::{Change, Container, Mapping, ServiceRef, Snapshot},
    messages::{AllocationReport, ServiceChanged},
    probing::{Target, Verdict},
    state::SavedState,
};

/// What may change a decision.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The source has said something.
    ServiceChanged(ServiceChanged),
    /// This successor has accepted a connection.
    Ready(Target),
    /// This lingering container no longer shows that it is there.
    Verdict(Target, Verdict),
    /// Time alone may have changed something.
    TimePassed,
    /// The source has been waited for long enough.
    GraceOver,
    /// A person wants what holds this port to end.
    Released(u16),
}

/// What an input has led to.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The plan that was in force.
    pub(crate) before: Option<Arc<Plan>>,
    /// The one that takes its place, if it differs.
    pub(crate) plan: Option<Arc<Plan>>,
    /// What is new beside the plan, for each pool; empty if nothing was decided.
    pub(super) news: Vec<PoolNews>,
    /// Which of the containers' addresses were found to be of this network namespace.
    pub(crate) local: BTreeSet<IpAddr>,
}

/// All pools, and the plan in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Decider {
    settings: AllocatorSettings,
    pools: Vec<Pool>,
    plan: Option<Arc<Plan>>,
    revision: u64,
    is_grace_over: bool,
}

impl Decider {
    /// One that knows what was saved, on a clock that starts now.
    pub(crate) fn new(settings: AllocatorSettings, state: &SavedState) -> Self {
        Self {
            pools: settings.pools.iter().map(|pool| Pool::restore(pool, state, &settings)).collect(),
            plan: None,
            revision: state.revision,
            is_grace_over: false,
            settings,
        }
    }

    /// Takes an input, and runs all rules for all pools. `is_local` tells which addresses are of this network
    /// namespace; `now` is on a clock that only goes forward.
    pub(crate) fn take(
        &mut self,
        input: &Input,
        is_local: impl Fn(IpAddr) -> bool,
        now: Duration,
    ) -> Decision {
        let before = self.plan.clone();
        let mut probed_ready = BTreeSet::new();
        match input {
            Input::GraceOver => {
                let plan = self.end_grace();
                return Decision { before, plan, news: Vec::new(), local: BTreeSet::new() };
            }
            Input::ServiceChanged(ServiceChanged { service, snapshot, proof_age }) => {
                for pool in self.pools.iter_mut().filter(|pool| pool.service() == service) {
                    pool.take(Arc::clone(snapshot), *proof_age, &self.settings, now);
                }
            }
            Input::Ready(successor) => drop(probed_ready.insert(successor.clone())),
            Input::Verdict(target, verdict) => {
                self.pools.iter_mut().for_each(|pool| pool.note_verdict(target, *verdict, now));
            }
            Input::Released(port) => {
                self.pools.iter_mut().for_each(|pool| pool.release(*port, &self.settings, now));
            }
            Input::TimePassed => {}
        }
        let around = self.around(is_local);
        let decide = |pool: &mut Pool| pool.decide(&self.settings, &probed_ready, &around, now);
        let growths: Vec<_> = self.pools.iter_mut().map(decide).collect();
        let is_due = self.is_grace_over || self.pools.iter().all(Pool::is_known);
        let plan = is_due.then(|| self.replan()).flatten();
        let news = zip(&mut self.pools, growths).map(|(pool, growth)| pool.news(growth, now)).collect();
        Decision { before, plan, news, local: around.own_listeners.iter().map(SocketAddr::ip).collect() }
    }

    /// What was saved serves, if there is anything and no plan yet.
    fn end_grace(&mut self) -> Option<Arc<Plan>> {
        self.is_grace_over = true;
        let has_nothing = self.pools.iter().all(|pool| !pool.is_known() && pool.is_empty());
        if self.plan.is_some() || has_nothing { None } else { self.replan() }
    }

    fn around(&self, is_local: impl Fn(IpAddr) -> bool) -> Around {
        let has_absences = self.pools.iter().any(Pool::has_absences);
        let listed = self.pools.iter().filter(|_| has_absences).flat_map(Pool::listed);
        let listed = listed.map(|(backend, uuid)| (backend, Arc::clone(uuid))).collect();
        let ports: Vec<_> = self.pools.iter().map(Pool::ports).collect();
        let backends = self.pools.iter().flat_map(Pool::listed).map(|(backend, _)| backend);
        let own_listeners = own_listeners(self.settings.listen, &ports, backends, is_local);
        Around { listed, own_listeners, shared: shared(&self.pools) }
    }

    /// The next plan, if it differs.
    fn replan(&mut self) -> Option<Arc<Plan>> {
        let mappings: Vec<_> = self.pools.iter().map(|pool| pool.plan(&self.settings)).collect();
        // Every plan has all mappings, in the order of the settings.
        let is_no_news =
            |plan: &Arc<Plan>| zip(&mappings, &plan.mappings).all(|(m, old)| m.is_no_news_after(old));
        if self.plan.as_ref().is_some_and(is_no_news) {
            return None;
        }
        self.revision = self.revision.saturating_add(1);
        let plan = Arc::new(Plan { revision: self.revision, mappings });
        self.plan = Some(Arc::clone(&plan));
        Some(plan)
    }

    /// What holds this port.
    pub(super) fn hold(&self, port: u16) -> Option<Hold> {
        self.pools.iter().find_map(|pool| pool.hold(port, &self.settings))
    }

    /// All that is known, on a clock that began at `started`.
    pub(super) fn report(&self, started: Instant) -> AllocationReport {
        let report = |pool: &Pool| pool.report(&self.settings, started);
        AllocationReport { plan: self.plan.clone(), pools: self.pools.iter().map(report).collect() }
    }

    /// In the order of the settings.
    pub(super) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// What is mapped, in the order of the settings.
    pub(crate) fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.settings.pools.iter().map(|pool| &pool.mapping)
    }

    /// What differs in this snapshot from the one of the service that is known.
    pub(crate) fn changes(&self, service: &ServiceRef, snapshot: &Snapshot) -> Vec<Change> {
        let pool = self.pools.iter().find(|pool| pool.service() == service);
        let known = pool.map(|pool| pool.containers().to_vec()).unwrap_or_default();
        snapshot.changes_since(&Snapshot { containers: known, ..Snapshot::default() })
    }

    /// The listed container with this uuid.
    pub(crate) fn container(&self, uuid: &str) -> Option<&Container> {
        let mut containers = self.pools.iter().flat_map(Pool::containers);
        containers.find(|container| *container.uuid == *uuid).map(|container| &**container)
    }

    /// When the passing of time alone may change something.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.pools.iter().filter_map(Pool::next_change).min()
    }

    /// The containers that take over a slot once they accept a connection.
    pub(crate) fn successors(&self) -> BTreeSet<Target> {
        self.pools.iter().flat_map(Pool::successors).cloned().collect()
    }

    /// The containers that keep their slots for as long as they show that they are there.
    pub(crate) fn lingering(&self) -> BTreeSet<Target> {
        self.pools.iter().flat_map(Pool::lingering).collect()
    }

    /// What is to be saved beside the plan.
    pub(super) fn leftovers(&self) -> Vec<Leftovers> {
        self.pools.iter().map(Pool::leftovers).collect()
    }

    /// Whether its numbers fit each other, as those of every decider do that stalls has recorded.
    pub(crate) fn is_sound(&self) -> bool {
        let are_alike = self.plan.as_ref().is_none_or(|plan| plan.mappings.len() == self.pools.len());
        are_alike && self.pools.len() == self.settings.pools.len() && self.pools.iter().all(Pool::is_sound)
    }
}

/// Where containers of several services are. Of containers in the host's network only one can listen there; or else one
/// has the address of another that is gone. Nobody knows which, so no port leads there.
fn shared(pools: &[Pool]) -> BTreeSet<SocketAddr> {
    if pools.len() < 2 {
        return BTreeSet::new();
    }
    let mut listed: FxHashMap<SocketAddr, (&ServiceRef, &Arc<str>)> = FxHashMap::default();
    let mut shared = BTreeSet::new();
    for pool in pools {
        for (backend, uuid) in pool.listed() {
            let (service, first) = *listed.entry(backend).or_insert((pool.service(), uuid));
            if service != pool.service() && first != uuid {
                shared.insert(backend);
            }
        }
    }
    shared
}

/// The plan that an allocator with this memory would make of these snapshots.
pub fn plan_once(
    settings: &AllocatorSettings,
    state: &SavedState,
    snapshots: &BTreeMap<ServiceRef, Arc<Snapshot>>,
) -> Plan {
    let mappings = settings.pools.iter().map(|pool| {
        let mut pool = Pool::restore(pool, state, settings);
        if let Some(snapshot) = snapshots.get(pool.service()) {
            pool.take(Arc::clone(snapshot), Duration::ZERO, settings, Duration::ZERO);
        }
        pool.decide(settings, &BTreeSet::new(), &Around::default(), Duration::ZERO);
        pool.plan(settings)
    });
    Plan { revision: state.revision + 1, mappings: mappings.collect() }
}
