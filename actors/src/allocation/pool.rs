//! One mapping from one snapshot to the next: what is known, and which container has which slot.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use super::{
    AllocatorSettings, MappingPlan, Plan, PoolSettings,
    assign::{Assignments, Reservation, Rules, assign},
    eligibility::{Eligible, eligible},
    flapping::{FlapDamper, FlapNews},
    mass_removal::hold_back,
    memory::restored,
    plan::plan,
    size,
};
use crate::{
    domain::{Container, Mapping, ServiceRef, Snapshot},
    readiness::Successor,
    state::SavedState,
};

/// One mapping's inputs and memory.
#[derive(Debug)]
pub(super) struct Pool {
    mapping: Mapping,
    max_ports: u16,
    /// As it was saved, or was for the last snapshot. Without PORT_COUNT it never shrinks, since that would cost a
    /// reload and gain nothing.
    size: Option<u16>,
    snapshot: Option<Arc<Snapshot>>,
    damper: FlapDamper,
    /// The run of ports that stalls' own service publishes, from the base port on.
    published: Option<u16>,
    assignments: Assignments,
    logged: Logged,
}

/// What the log has said already.
#[derive(Debug, Default)]
struct Logged {
    unpublished: Option<RangeInclusive<u16>>,
    held: BTreeSet<u16>,
}

/// The beginning or the end of a mass removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemovalNews {
    /// So many of the mapped ports keep their containers, until then.
    Begun { ports: usize, mapped: usize, until: Duration },
    /// So many of the ports have been freed; the containers of the others have returned.
    Ended { freed: usize },
}

/// A pool that has become larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    /// The number of slots before.
    pub(super) from: u16,
    /// The number of slots now.
    pub(super) to: u16,
}

impl Pool {
    /// A mapping as it was saved, on a clock that starts now.
    pub(super) fn restore(pool: &PoolSettings, state: &SavedState, settings: &AllocatorSettings) -> Self {
        let PoolSettings { mapping, max_ports } = pool;
        let restored = restored(mapping, state, settings);
        let (size, assignments) = restored.map_or_else(Default::default, |(size, a)| (Some(size), a));
        Self {
            mapping: mapping.clone(),
            max_ports: mapping.max_port_count().min(*max_ports),
            size,
            snapshot: None,
            damper: FlapDamper::default(),
            published: None,
            assignments,
            logged: Logged::default(),
        }
    }

    /// Takes the newest snapshot.
    pub(super) fn take(&mut self, snapshot: Arc<Snapshot>, settings: &AllocatorSettings, now: Duration) {
        self.published = snapshot.published.run_from(self.mapping.base_port.get());
        if let Some(older) = &self.snapshot {
            self.damper.follow(&snapshot.changes_since(older), settings.allow_loopback, now);
        }
        self.snapshot = Some(snapshot);
    }

    /// Gives the containers of the newest snapshot their slots, by all rules in their order, and makes the pool larger
    /// for them; without a snapshot, all stays as it was.
    ///
    /// Only assignments that `are_live` can be held in a mass removal: it is not known for how long the containers of
    /// saved ones have been gone.
    pub(super) fn decide(
        &mut self,
        settings: &AllocatorSettings,
        probed_ready: &BTreeSet<Successor>,
        are_live: bool,
        now: Duration,
    ) -> Option<Growth> {
        let containers = &Arc::clone(self.snapshot.as_ref()?).containers;
        self.damper.expire(now);
        let candidates = eligible(containers, &self.damper, settings.allow_loopback);
        let (from, to) = self.sizes(&candidates.eligible);
        let rules = Rules {
            backend_port: self.mapping.backend_port.get(),
            pool_size: to,
            max_port_count: self.mapping.max_port_count(),
            port_reuse_delay: settings.port_reuse_delay,
        };
        let mut next = assign(candidates, &self.assignments, probed_ready, rules, now);
        if are_live {
            next = hold_back(&self.assignments, next, containers, to, settings.mass_removal_hold, now);
        }
        self.assignments = next;
        self.size = Some(to);
        (from < to).then_some(Growth { from, to })
    }

    /// The last step of the line.
    pub(super) fn plan(&self, settings: &AllocatorSettings) -> MappingPlan {
        plan(&self.mapping, self.size(), &self.assignments, self.containers(), settings.allow_loopback)
    }

    /// Rule 5: the size before these containers, and with them.
    fn sizes(&self, eligible: &[Eligible<'_>]) -> (u16, u16) {
        // What is published may be unknown for a while: that takes no slot away.
        let initial = size::initial(&self.mapping, self.size.max(self.published));
        let with_need = match self.mapping.port_count {
            Some(_) => initial,
            None => size::grown(initial, size::needed(eligible, self.max_ports), self.max_ports),
        };
        (self.size.unwrap_or(initial), with_need)
    }

    pub(super) fn service(&self) -> &ServiceRef {
        &self.mapping.service
    }

    /// The containers of the newest snapshot; none if there is no snapshot yet.
    pub(super) fn containers(&self) -> &[Arc<Container>] {
        self.snapshot.as_ref().map(|snapshot| snapshot.containers.as_slice()).unwrap_or_default()
    }

    /// The number of slots; before there is a snapshot or a saved size, the usual one.
    fn size(&self) -> u16 {
        self.size.unwrap_or_else(|| size::initial(&self.mapping, None))
    }

    /// The ports of all slots.
    pub(super) fn ports(&self) -> RangeInclusive<u16> {
        self.mapping.pool(self.size())
    }

    /// Whether there is a snapshot.
    pub(super) fn is_known(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Whether no container has a slot.
    pub(super) fn is_empty(&self) -> bool {
        self.assignments.slots.is_empty()
    }

    /// The containers that take over a slot once they accept a connection.
    pub(super) fn successors(&self) -> impl Iterator<Item = &Successor> {
        self.assignments.successors.iter()
    }

    /// When the passing of time alone may change which container has which slot.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.assignments.next_change().into_iter().chain(self.damper.next_change()).min()
    }

    /// The ports that are held in a mass removal, and until when.
    pub(super) fn held(&self) -> Option<(impl Iterator<Item = u16>, Duration)> {
        let removal = self.assignments.mass_removal.as_ref()?;
        let base = self.mapping.base_port.get();
        Some((removal.slots.iter().map(move |slot| base + slot), removal.until))
    }

    /// The free slots that are reserved.
    pub(super) fn reservations(&self) -> &BTreeMap<u16, Reservation> {
        &self.assignments.reservations
    }

    // === what the log is to say, once ===

    /// The containers that began to flap, or are steady again.
    pub(super) fn flap_news(&mut self) -> Vec<FlapNews> {
        self.damper.take_news()
    }

    /// The ports behind those that stalls' own service publishes, if there are any that have not been logged yet.
    pub(super) fn newly_unpublished(&mut self) -> Option<RangeInclusive<u16>> {
        let ports = self.ports();
        let published = self.published.filter(|published| *published < self.size());
        let unpublished = published.map(|published| ports.start() + published..=*ports.end());
        let is_new = self.logged.unpublished != unpublished;
        self.logged.unpublished.clone_from(&unpublished);
        unpublished.filter(|_| is_new)
    }

    /// What has become of the mass removal.
    pub(super) fn removal_news(&mut self) -> Option<RemovalNews> {
        let removal = self.assignments.mass_removal.as_ref();
        let held = removal.map(|removal| removal.slots.clone()).unwrap_or_default();
        let logged = std::mem::replace(&mut self.logged.held, held);
        let slots = &self.assignments.slots;
        match removal {
            Some(removal) if logged.is_empty() => Some(RemovalNews::Begun {
                ports: removal.slots.len(),
                mapped: slots.len(),
                until: removal.until,
            }),
            None if !logged.is_empty() => {
                let freed = logged.iter().filter(|slot| !slots.contains_key(slot)).count();
                Some(RemovalNews::Ended { freed })
            }
            _ => None,
        }
    }
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
            pool.take(Arc::clone(snapshot), settings, Duration::ZERO);
        }
        pool.decide(settings, &BTreeSet::new(), false, Duration::ZERO);
        pool.plan(settings)
    });
    Plan { revision: state.revision + 1, mappings: mappings.collect() }
}
