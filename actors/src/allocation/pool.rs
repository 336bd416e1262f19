//! One mapping from one snapshot to the next: what was asked for, what is known, and who has which slot.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use super::{
    AllocatorSettings, Assignments, Flaps, MappingPlan, Plan, PoolSettings, SavedMapping, SavedState,
    SavedTombstone, Tombstone,
    bonds::Bonds,
    concerned::Concerned,
    decide::{Case, Decision, decide},
    flapping::FlapNews,
    size,
};
use crate::{
    mapping::{Mapping, ServiceRef},
    metadata::{Change, Snapshot},
};

/// One mapping's inputs and memory.
#[derive(Debug)]
pub(super) struct Pool {
    mapping: Mapping,
    most_ports: u16,
    /// As it is remembered or was for the last snapshot. Without PORT_COUNT it never shrinks: that would cost a handover, and
    /// nobody needs it.
    size: Option<u16>,
    snapshot: Option<Arc<Snapshot>>,
    bonds: Bonds,
    /// What has changed since the assignments were made, if these followed from the metadata alone.
    undecided: Option<Vec<Change>>,
    flaps: Flaps,
    /// The run of ports that stalls' own service publishes, from the base port on.
    published: Option<u16>,
    /// What has been said of the ports that are not published.
    unpublished_told: Option<RangeInclusive<u16>>,
    assignments: Assignments,
    still_running: BTreeSet<IpAddr>,
    /// What has been said of the slots that are held.
    held_told: BTreeSet<u16>,
}

/// A container that takes over a slot once somebody accepts a connection at this address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Challenger {
    /// The container.
    pub(super) uuid: Arc<str>,
    /// Where it is to be reached.
    pub(super) backend: SocketAddr,
}

/// The beginning or the end of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HoldNews {
    /// So many of the mapped ports keep their containers, until then.
    Begun { ports: usize, mapped: usize, until: Duration },
    /// So many of them have been freed; the others have a container.
    Ended { freed: usize },
}

/// A pool that has become larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    /// Its size before.
    pub(super) from: u16,
    /// Its size now.
    pub(super) to: u16,
}

impl Pool {
    /// A mapping as it was saved, on a clock that starts now. What the settings no longer have room for, or no
    /// longer allow, is forgotten.
    pub(super) fn restore(pool: &PoolSettings, state: &SavedState, settings: &AllocatorSettings) -> Self {
        let PoolSettings { mapping, most_ports } = pool;
        let is_same = |saved: &&SavedMapping| {
            saved.service == mapping.service && saved.backend_port == mapping.backend_port.get()
        };
        let saved = state.mappings.iter().find(is_same);
        let size = saved.map(|saved| size::initial(mapping, Some(saved.pool_size)));
        let mut assignments = Assignments::default();
        if let Some(saved) = saved {
            let within = |slot: &u16| size.is_some_and(|size| *slot < size);
            let is_allowed = |address: IpAddr| settings.allow_loopback || !address.is_loopback();
            let slots = saved.slots.iter().filter(|(slot, o)| within(slot) && is_allowed(o.address));
            assignments.slots = slots.map(|(slot, occupant)| (*slot, occupant.clone())).collect();
            let tombstones = saved.tombstones.iter().filter(|(slot, _)| within(slot));
            assignments.tombstones = tombstones
                .map(|(slot, tombstone)| {
                    let until = Duration::from_millis(tombstone.left_ms).min(settings.tombstone);
                    (*slot, Tombstone { uuid: tombstone.uuid.as_str().into(), until })
                })
                .collect();
        }
        Self {
            mapping: mapping.clone(),
            most_ports: mapping.room().min(*most_ports),
            size,
            snapshot: None,
            bonds: Bonds::default(),
            undecided: None,
            flaps: Flaps::default(),
            published: None,
            unpublished_told: None,
            assignments,
            still_running: BTreeSet::new(),
            held_told: BTreeSet::new(),
        }
    }

    pub(super) fn service(&self) -> &ServiceRef {
        &self.mapping.service
    }

    /// Takes what the metadata says now.
    pub(super) fn take(&mut self, snapshot: Arc<Snapshot>, settings: &AllocatorSettings, now: Duration) {
        self.published = snapshot.published.run_from(self.mapping.base_port.get());
        let older = self.snapshot.replace(Arc::clone(&snapshot));
        let changes = snapshot.changes_since(older.as_deref().unwrap_or(&Snapshot::default()));
        self.bonds.follow(&changes);
        if older.is_some() {
            self.flaps.follow(&changes, settings.allow_loopback, now);
        }
        if let Some(undecided) = &mut self.undecided {
            undecided.extend(changes);
        }
    }

    /// Who began or ceased to change its state too often.
    pub(super) fn news_of_flapping(&mut self) -> Vec<FlapNews> {
        self.flaps.take_news()
    }

    /// The number of slots; before the metadata has said anything and nothing is remembered, the usual one.
    fn size(&self) -> u16 {
        self.size.unwrap_or_else(|| size::initial(&self.mapping, None))
    }

    /// The ports of all slots.
    pub(super) fn ports(&self) -> RangeInclusive<u16> {
        self.mapping.pool(self.size())
    }

    /// The ports behind those that stalls' own service publishes, if there are any that have not been told yet.
    pub(super) fn newly_unpublished(&mut self) -> Option<RangeInclusive<u16>> {
        let ports = self.ports();
        let published = self.published.filter(|published| *published < self.size());
        let unpublished = published.map(|published| ports.start() + published..=*ports.end());
        let is_new = self.unpublished_told != unpublished;
        self.unpublished_told.clone_from(&unpublished);
        unpublished.filter(|_| is_new)
    }

    /// What has become of the hold since this was asked last.
    pub(super) fn news_of_hold(&mut self) -> Option<HoldNews> {
        let held = self.assignments.hold.as_ref().map(|hold| hold.slots.clone()).unwrap_or_default();
        let told = std::mem::replace(&mut self.held_told, held);
        let has = |slot: &u16| self.assignments.slots.contains_key(slot);
        match (&self.assignments.hold, told.is_empty()) {
            (Some(hold), true) => Some(HoldNews::Begun {
                ports: hold.slots.len(),
                mapped: self.assignments.slots.len(),
                until: hold.until,
            }),
            (None, false) => Some(HoldNews::Ended { freed: told.iter().filter(|slot| !has(slot)).count() }),
            _ => None,
        }
    }

    /// The ports that are held, and until when.
    pub(super) fn held(&self) -> Option<(impl Iterator<Item = u16>, Duration)> {
        let hold = self.assignments.hold.as_ref()?;
        let base = self.mapping.base_port.get();
        Some((hold.slots.iter().map(move |slot| base + slot), hold.until))
    }

    /// Whether the metadata has said anything yet.
    pub(super) fn is_known(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Whether no container has a slot.
    pub(super) fn is_empty(&self) -> bool {
        self.assignments.slots.is_empty()
    }

    /// The name of a container in the newest snapshot, for the log.
    pub(super) fn name_of(&self, uuid: &str) -> Option<&str> {
        let containers = &self.snapshot.as_ref()?.containers;
        containers.iter().find(|container| &*container.uuid == uuid).map(|container| &*container.name)
    }

    /// Who would take over a slot if somebody accepted a connection there.
    pub(super) fn challengers(&self) -> impl Iterator<Item = Challenger> {
        let port = self.mapping.backend_port.get();
        self.assignments.challengers.iter().map(move |(uuid, address)| Challenger {
            uuid: Arc::clone(uuid),
            backend: SocketAddr::new(*address, port),
        })
    }

    /// When the passing of time alone may change who has which slot.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.assignments.next_change().into_iter().chain(self.flaps.next_change()).min()
    }

    /// Gives the containers of the newest snapshot their slots, and makes room for them; without a snapshot,
    /// all stays as it was.
    /// What `is_live`, and only that, may be held: what is merely remembered has not been seen for who knows how long.
    pub(super) fn reassign(
        &mut self,
        settings: &AllocatorSettings,
        reached: &BTreeSet<Challenger>,
        is_live: bool,
        now: Duration,
    ) -> Option<Growth> {
        let snapshot = self.snapshot.clone()?;
        self.flaps.expire(now);
        let port = self.mapping.backend_port.get();
        let reached = reached.iter().filter(|challenger| challenger.backend.port() == port);
        let case = Case {
            mapping: &self.mapping,
            settings,
            // What is published may be unknown for a while: that takes no slot away.
            pool_size: size::initial(&self.mapping, self.size.max(self.published)),
            most_ports: self.most_ports,
            snapshot: &snapshot,
            flaps: &self.flaps,
            reached: &reached.map(|c| (Arc::clone(&c.uuid), c.backend.ip())).collect(),
            assignments: &self.assignments,
            still_running: &self.still_running,
            is_live,
            now,
        };
        let concerned = self.concerned(case);
        let decision = decide(case, &concerned);
        debug_assert_eq!(decision, decide(case, &Concerned::Everyone(&snapshot)), "{concerned:?}");
        let from = self.size.unwrap_or(case.pool_size);
        let Decision { pool_size, assignments, still_running } = decision;
        (self.size, self.assignments, self.still_running) = (Some(pool_size), assignments, still_running);
        // What is held, by the guard or since it flaps, does not follow from bonds between containers.
        let by_metadata_alone = self.assignments.hold.is_none() && !self.flaps.holds_any();
        self.undecided = by_metadata_alone.then(Vec::new);
        (from < pool_size).then_some(Growth { from, to: pool_size })
    }

    /// Whose slots may not be as they were decided last.
    fn concerned<'a>(&'a self, case: Case<'a>) -> Concerned<'a> {
        match &self.undecided {
            Some(changes)
                if self.size == Some(case.pool_size)
                    && case.reached.is_empty()
                    && !self.flaps.holds_any() =>
            {
                Concerned::by_changes(changes, case.snapshot, &self.bonds, case.pool_size)
            }
            _ => Concerned::Everyone(case.snapshot),
        }
    }

    pub(super) fn plan(&self) -> MappingPlan {
        MappingPlan {
            mapping: self.mapping.clone(),
            pool_size: self.size(),
            slots: self.assignments.slots.clone(),
            unmapped: self.assignments.unmapped.clone(),
            held: self.assignments.hold.iter().flat_map(|hold| hold.slots.clone()).collect(),
            still_running: self.still_running.clone(),
        }
    }

    pub(super) fn to_save(&self, now: Duration) -> SavedMapping {
        let tombstones = self.assignments.tombstones.iter().map(|(slot, tombstone)| {
            let left_ms = tombstone.until.saturating_sub(now).as_millis() as u64;
            (*slot, SavedTombstone { uuid: tombstone.uuid.to_string(), left_ms })
        });
        SavedMapping {
            service: self.mapping.service.clone(),
            backend_port: self.mapping.backend_port.get(),
            pool_size: self.size(),
            slots: self.assignments.slots.clone(),
            tombstones: tombstones.collect(),
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
        pool.reassign(settings, &BTreeSet::new(), false, Duration::ZERO);
        pool.plan()
    });
    Plan { revision: state.revision + 1, mappings: mappings.collect() }
}
