//! One mapping from one snapshot to the next: what is known, and which container has which slot.

mod news;
mod report;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet, net::SocketAddr, num::NonZeroU16, ops::RangeInclusive, sync::Arc, time::Duration,
};

use serde::{Deserialize, Serialize};

use self::news::Logged;
pub(super) use self::news::PoolNews;
use super::{
    AllocatorSettings, MappingPlan, PoolSettings,
    assign::{Assignments, Reservation, Rules, assign},
    eligibility::{Eligible, Forbidden, eligible},
    flapping::FlapDamper,
    linger::{Absences, Heard, Listed},
    memory::{Leftovers, restored},
    nothing_mapped,
    plan::still_running,
    size,
};
use crate::{
    domain::{Container, Lifecycle, Mapping, ServiceRef, Snapshot},
    in_ns,
    probing::{Target, Verdict},
    state::SavedState,
};

/// One mapping's inputs and memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pool {
    mapping: Mapping,
    max_ports: u16,
    room: u16,
    /// As it was saved, or was for the last snapshot. Without PORT_COUNT it never shrinks, since that would cost a
    /// reload and gain nothing.
    size: Option<u16>,
    snapshot: Option<Arc<Snapshot>>,
    damper: FlapDamper,
    absences: Absences,
    /// The run of ports that stalls' own service publishes, from the base port on.
    published: Option<u16>,
    assignments: Assignments,
    /// The ports of the pool that containers on this host listen on. They stay free for as long as stalls runs, since a
    /// container that is away for a moment finds its port taken otherwise.
    yielded: BTreeSet<u16>,
    /// Since when no container has a slot.
    #[serde(rename = "empty_since_ns", with = "in_ns::option")]
    empty_since: Option<Duration>,
    #[serde(skip)]
    logged: Logged,
}

/// What matters beside a pool's own containers.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    /// Where the containers of all pools are; empty if no container lingers.
    pub(super) listed: Listed,
    /// Those of them that are stalls' own listeners.
    pub(super) own_listeners: BTreeSet<SocketAddr>,
    /// Where containers of several services are.
    pub(super) shared: BTreeSet<SocketAddr>,
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
        let PoolSettings { mapping, max_ports, room } = pool;
        let room = mapping.port_count.map_or(*room, NonZeroU16::get);
        let (size, mut assignments, absences) = match restored(mapping, state, settings) {
            Some((size, assignments, absences)) => (Some(size.min(room)), assignments, absences),
            None => Default::default(),
        };
        assignments.slots.retain(|slot, _| *slot < room);
        assignments.reservations.retain(|slot, _| *slot < room);
        Self {
            mapping: mapping.clone(),
            max_ports: mapping.max_port_count().min(*max_ports),
            room,
            size,
            snapshot: None,
            damper: FlapDamper::default(),
            absences,
            published: None,
            assignments,
            yielded: BTreeSet::new(),
            empty_since: None,
            logged: Logged::default(),
        }
    }

    /// Takes the newest snapshot. The one before it was last known to be true so long ago (`proof_age`).
    pub(super) fn take(
        &mut self,
        snapshot: Arc<Snapshot>,
        proof_age: Duration,
        settings: &AllocatorSettings,
        now: Duration,
    ) {
        self.published = snapshot.published.run_from(self.mapping.base_port.get());
        let (slots, linger) = (&self.assignments.slots, settings.linger);
        match &self.snapshot {
            Some(older) => {
                let changes = snapshot.changes_since(older);
                self.damper.follow(&changes, now);
                let heard = Heard { snapshot: &snapshot, changes: &changes, proof_age };
                self.absences.follow(heard, slots, linger, now);
            }
            None => self.absences.begin(&snapshot, slots, linger, now),
        }
        self.snapshot = Some(snapshot);
    }

    /// Gives the containers of the newest snapshot and those that linger their slots, by all rules in their order, and
    /// makes the pool larger for them; without a snapshot, all stays as it was.
    pub(super) fn decide(
        &mut self,
        settings: &AllocatorSettings,
        probed_ready: &BTreeSet<Target>,
        around: &Around,
        now: Duration,
    ) -> Option<Growth> {
        let containers = &Arc::clone(self.snapshot.as_ref()?).containers;
        self.damper.expire(now);
        self.absences.expire(now);
        self.absences.give_way(&around.listed);
        let Around { own_listeners, shared, .. } = around;
        let forbidden = Forbidden {
            allow_loopback: settings.allow_loopback,
            backend_port: &self.mapping.backend_port,
            own_listeners,
            shared,
        };
        let mut candidates = eligible(containers, &self.damper, forbidden);
        let (from, to) = self.sizes(&candidates.eligible);
        self.absences.join(&mut candidates);
        let rules = Rules {
            pool_size: to,
            max_port_count: self.mapping.max_port_count(),
            port_reuse_delay: settings.port_reuse_delay,
        };
        self.assignments = assign(candidates, &self.assignments, probed_ready, rules, now);
        self.absences.follow_slots(&self.assignments.slots, now);
        self.empty_since = self.is_empty().then(|| self.empty_since.unwrap_or(now));
        self.size = Some(to);
        let needed_by_containers = own_listeners.iter().map(SocketAddr::port);
        self.yielded.extend(needed_by_containers.filter(|port| self.mapping.pool(to).contains(port)));
        (from < to).then_some(Growth { from, to })
    }

    /// The last step of the line.
    pub(super) fn plan(&self, settings: &AllocatorSettings) -> MappingPlan {
        let (assignments, absences) = (&self.assignments, &self.absences);
        let backend_port = &self.mapping.backend_port;
        let still_running =
            still_running(assignments, self.containers(), absences, backend_port, settings.allow_loopback);
        MappingPlan {
            mapping: self.mapping.clone(),
            pool_size: self.size(),
            yielded: self.yielded.clone(),
            slots: assignments.slots.clone(),
            unmapped: assignments.unmapped.clone(),
            lingering: absences.lingering().map(|lingering| lingering.slot).collect(),
            still_running,
        }
    }

    /// Rule 5: the size before these containers, and with them.
    fn sizes(&self, eligible: &[Eligible<'_>]) -> (u16, u16) {
        // What is published may be unknown for a while: that takes no slot away.
        let initial = size::initial(&self.mapping, self.size.max(self.published)).min(self.room);
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
        self.size.unwrap_or_else(|| size::initial(&self.mapping, None).min(self.room))
    }

    /// The ports of all slots.
    pub(super) fn ports(&self) -> RangeInclusive<u16> {
        self.mapping.pool(self.size())
    }

    /// How a container without an index may come to a slot: the container that the slot is reserved for, and when that
    /// ends.
    pub(super) fn reservation(&self, slot: u16) -> Option<&Reservation> {
        self.assignments.reservations.get(&slot)
    }

    /// Whether its numbers fit each other, as those of every pool that stalls has made do.
    pub(super) fn is_sound(&self) -> bool {
        let most = self.mapping.max_port_count();
        let size = self.size.unwrap_or_default();
        let slots = self.assignments.slots.keys().chain(self.assignments.reservations.keys());
        let lingering = self.absences.lingering().map(|lingering| &lingering.slot);
        size <= most && slots.chain(lingering).all(|slot| *slot < most)
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
    pub(super) fn successors(&self) -> impl Iterator<Item = &Target> {
        self.assignments.successors.iter()
    }

    /// The containers that keep their slots for as long as they show that they are there.
    pub(super) fn lingering(&self) -> impl Iterator<Item = Target> {
        self.absences
            .lingering()
            .map(|lingering| Target { uuid: lingering.uuid(), backend: lingering.backend })
    }

    /// A container no longer shows that it is there.
    pub(super) fn note_verdict(&mut self, target: &Target, verdict: Verdict, now: Duration) {
        if self.lingering().any(|lingering| lingering == *target) {
            self.absences.note_verdict(&target.uuid, verdict, now);
        }
    }

    /// Whether it matters where other containers are.
    pub(super) fn has_absences(&self) -> bool {
        !self.absences.is_empty()
    }

    /// Where the containers of the newest snapshot are, the oldest first.
    pub(super) fn listed(&self) -> impl Iterator<Item = (SocketAddr, &Arc<str>)> {
        let alive = self.containers().iter().filter(|c| c.lifecycle() != Lifecycle::Inactive);
        alive.filter_map(|c| Some((c.backend(&self.mapping.backend_port)?, &c.uuid)))
    }

    /// When the passing of time alone may change which container has which slot.
    pub(super) fn next_change(&self) -> Option<Duration> {
        let unsaid = self.empty_since.filter(|_| self.logged.nothing_mapped.is_none());
        let changes = [
            self.assignments.next_change(),
            self.absences.next_change(),
            self.damper.next_change(),
            unsaid.map(|since| since + nothing_mapped::GRACE),
        ];
        changes.into_iter().flatten().min()
    }

    /// The port of a slot.
    pub(super) fn port(&self, slot: u16) -> u16 {
        self.mapping.base_port.get().saturating_add(slot)
    }

    /// What is to be saved beside the plan.
    pub(super) fn leftovers(&self) -> Leftovers {
        let lingering = self.absences.lingering().map(|lingering| (lingering.slot, lingering.until));
        Leftovers { reservations: self.assignments.reservations.clone(), lingering: lingering.collect() }
    }
}
