//! One mapping from one snapshot to the next: what was asked for, what is known, and who has which slot.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use super::{
    AllocatorSettings, Assignments, MappingPlan, Plan, Rules, SavedMapping, SavedState, SavedTombstone,
    Tombstone, assign, split,
};
use crate::{
    mapping::{DEFAULT_PORT_COUNT, Mapping, ServiceRef},
    metadata::Snapshot,
};

/// One mapping's inputs and memory.
#[derive(Debug)]
pub(super) struct Pool {
    mapping: Mapping,
    size: u16,
    snapshot: Option<Arc<Snapshot>>,
    assignments: Assignments,
}

impl Pool {
    /// A mapping as it was saved, on a clock that starts now. What the settings no longer have room for, or no
    /// longer allow, is forgotten.
    pub(super) fn restore(mapping: &Mapping, state: &SavedState, settings: &AllocatorSettings) -> Self {
        let is_same = |saved: &&SavedMapping| {
            saved.service == mapping.service && saved.backend_port == mapping.backend_port.get()
        };
        let saved = state.mappings.iter().find(is_same);
        let size = clamped(mapping, saved.map(|saved| saved.pool_size));
        let mut assignments = Assignments::default();
        if let Some(saved) = saved {
            let within = |slot: &u16| *slot < size;
            let is_allowed = |address: IpAddr| settings.allow_loopback || !address.is_loopback();
            let slots = saved.slots.iter().filter(|(slot, o)| within(slot) && is_allowed(o.address));
            assignments.slots = slots.map(|(slot, occupant)| (*slot, occupant.clone())).collect();
            let tombstones = saved.tombstones.iter().filter(|(slot, _)| within(slot));
            assignments.tombstones = tombstones
                .map(|(slot, tombstone)| {
                    let until = Duration::from_millis(tombstone.left_ms).min(settings.tombstone);
                    (*slot, Tombstone { uuid: tombstone.uuid.clone(), until })
                })
                .collect();
        }
        Self { mapping: mapping.clone(), size, snapshot: None, assignments }
    }

    pub(super) fn service(&self) -> &ServiceRef {
        &self.mapping.service
    }

    /// Takes what the metadata says now.
    pub(super) fn take(&mut self, snapshot: Arc<Snapshot>) {
        // What is published may be unknown for a while: that takes no slot away.
        let published = snapshot.published.run_from(self.mapping.base_port.get());
        self.size = clamped(&self.mapping, published.or(Some(self.size)));
        self.snapshot = Some(snapshot);
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
        containers.iter().find(|container| container.uuid == uuid).map(|container| container.name.as_str())
    }

    /// When the passing of time alone may change who has which slot.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.assignments.next_change()
    }

    /// Gives the containers of the newest snapshot their slots; without one, all stays as it was.
    pub(super) fn reassign(&mut self, settings: &AllocatorSettings, now: Duration) {
        let Some(snapshot) = &self.snapshot else { return };
        let rules = Rules { pool_size: self.size, room: self.mapping.room(), tombstone: settings.tombstone };
        let candidates = split(&snapshot.containers, settings.allow_loopback);
        self.assignments = assign(candidates, &self.assignments, rules, now);
    }

    pub(super) fn plan(&self) -> MappingPlan {
        MappingPlan {
            mapping: self.mapping.clone(),
            pool_size: self.size,
            slots: self.assignments.slots.clone(),
            unmapped: self.assignments.unmapped.clone(),
        }
    }

    pub(super) fn to_save(&self, now: Duration) -> SavedMapping {
        let tombstones = self.assignments.tombstones.iter().map(|(slot, tombstone)| {
            let left_ms = tombstone.until.saturating_sub(now).as_millis() as u64;
            (*slot, SavedTombstone { uuid: tombstone.uuid.clone(), left_ms })
        });
        SavedMapping {
            service: self.mapping.service.clone(),
            backend_port: self.mapping.backend_port.get(),
            pool_size: self.size,
            slots: self.assignments.slots.clone(),
            tombstones: tombstones.collect(),
        }
    }
}

/// The settings' pool size, else what is otherwise `known`, else the default; cut off where the port numbers
/// end.
fn clamped(mapping: &Mapping, known: Option<u16>) -> u16 {
    let wanted = mapping.port_count.map(u16::from).or(known).unwrap_or(DEFAULT_PORT_COUNT);
    wanted.clamp(1, mapping.room())
}

/// The plan that an allocator with this memory would make of these snapshots.
pub fn plan_once(
    settings: &AllocatorSettings,
    state: &SavedState,
    snapshots: &BTreeMap<ServiceRef, Arc<Snapshot>>,
) -> Plan {
    let mappings = settings.mappings.iter().map(|mapping| {
        let mut pool = Pool::restore(mapping, state, settings);
        if let Some(snapshot) = snapshots.get(&mapping.service) {
            pool.take(Arc::clone(snapshot));
        }
        pool.reassign(settings, Duration::ZERO);
        pool.plan()
    });
    Plan { revision: state.revision + 1, mappings: mappings.collect() }
}
