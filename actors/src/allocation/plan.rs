//! What is to be: the container of every slot, and why the others have none.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::RangeInclusive,
    sync::Arc,
};

use rangemap::RangeInclusiveSet;
use serde::{Deserialize, Serialize};

use super::{Unmapped, assign::Assignments, eligibility::usable_address, linger::Absences};
use crate::domain::{Assignment, BackendPort, Container, Lifecycle, Mapping};

/// All mappings at one moment, in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Grows with every plan that differs from its predecessor.
    pub revision: u64,
    /// In the order of the settings.
    pub mappings: Vec<MappingPlan>,
}

/// One mapping's part of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingPlan {
    /// What the operator asked for.
    pub mapping: Mapping,
    /// The number of slots, from 1 up; the pool does not run past port 65535.
    pub pool_size: u16,
    /// The ports of the pool that stalls leaves to containers on this host, which listen there themselves.
    pub yielded: BTreeSet<u16>,
    /// The container of each slot.
    pub slots: BTreeMap<u16, Assignment>,
    /// The containers without a slot, and why, by uuid.
    pub unmapped: BTreeMap<Arc<str>, Unmapped>,
    /// The slots whose containers linger: they are missing, and show that they are there.
    pub lingering: BTreeSet<u16>,
    /// Where the containers are that have no slot although their processes run, as far as is known. Their
    /// connections drain rather than being cut. That matters only when a slot changes hands, so a change of this alone
    /// makes no new plan.
    pub still_running: BTreeSet<SocketAddr>,
}

/// Where the unmapped containers are whose processes run, apart from what a slot leads to.
pub(super) fn still_running(
    Assignments { slots, unmapped, .. }: &Assignments,
    containers: &[Arc<Container>],
    absences: &Absences,
    backend_port: &BackendPort,
    allow_loopback: bool,
) -> BTreeSet<SocketAddr> {
    // A container that is being stopped still finishes its work; one that restarts has lost it.
    let runs = |c: &Container| matches!(c.lifecycle(), Lifecycle::Running | Lifecycle::Stopping);
    let unmapped = containers.iter().filter(|c| unmapped.contains_key(&c.uuid) && runs(c));
    let unmapped =
        unmapped.filter_map(|c| c.backend_at(usable_address(c, allow_loopback).ok()?, backend_port).ok());
    let mut running: BTreeSet<_> = unmapped.chain(absences.lost()).collect();
    if !running.is_empty() {
        for assignment in slots.values() {
            running.remove(&assignment.backend);
        }
    }
    running
}

impl MappingPlan {
    /// Whether both mean the same to the stages that act upon a plan, and to a reader of the log.
    pub(super) fn is_no_news_after(&self, other: &Self) -> bool {
        let Self { mapping, pool_size, yielded, slots, unmapped, lingering, still_running: _ } = self;
        mapping == &other.mapping
            && pool_size == &other.pool_size
            && yielded == &other.yielded
            && slots == &other.slots
            && unmapped == &other.unmapped
            && lingering == &other.lingering
    }

    /// The port of a slot of this pool.
    pub fn port(&self, slot: u16) -> u16 {
        self.mapping.base_port.get().saturating_add(slot)
    }

    fn route(&self, slot: u16) -> (u16, Option<SocketAddr>) {
        (self.port(slot), self.slots.get(&slot).map(|assignment| assignment.backend))
    }
}

impl Plan {
    /// Every port of every pool, with the backend that it leads to or `None` where it is to refuse.
    pub fn routes(&self) -> impl Iterator<Item = (u16, Option<SocketAddr>)> + '_ {
        self.mappings.iter().flat_map(|plan| {
            let routes = (0..plan.pool_size).map(|slot| plan.route(slot));
            routes.filter(|(port, _)| !plan.yielded.contains(port))
        })
    }

    /// The ports of every pool that HAProxy is to have, as runs.
    pub fn pools(&self) -> impl Iterator<Item = RangeInclusive<u16>> + '_ {
        self.mappings.iter().flat_map(|plan| {
            let mut ports = RangeInclusiveSet::from_iter([plan.mapping.pool(plan.pool_size)]);
            plan.yielded.iter().for_each(|port| ports.remove(*port..=*port));
            ports.into_iter()
        })
    }

    /// Whether a pool has this port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.pools().any(|pool| pool.contains(&port))
    }

    /// The backends that no port leads to although they still run.
    pub fn still_running(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.mappings.iter().flat_map(|plan| plan.still_running.iter().copied())
    }
}
