//! All rules in a row: from what the metadata says and what was decided before to who has which slot. Pure.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use super::{
    AllocatorSettings, Assignments, Flaps, Reached, Rules, assign, concerned::Concerned,
    eligibility::addresses, guard, size, split, still_running::still_running,
};
use crate::{mapping::Mapping, metadata::Snapshot};

/// What a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) settings: &'a AllocatorSettings,
    /// How large the pool is, unless more is needed.
    pub(super) pool_size: u16,
    /// How large it may grow for that.
    pub(super) most_ports: u16,
    pub(super) snapshot: &'a Snapshot,
    pub(super) flaps: &'a Flaps,
    pub(super) reached: &'a Reached,
    /// Those that were decided last.
    pub(super) assignments: &'a Assignments,
    /// Those that were found with them.
    pub(super) still_running: &'a BTreeSet<IpAddr>,
    /// Whether these assignments serve. What is merely remembered has not been seen for who knows how long, and is not held.
    pub(super) is_live: bool,
    pub(super) now: Duration,
}

/// What is decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) pool_size: u16,
    pub(super) assignments: Assignments,
    /// The addresses of those who have no slot but still run.
    pub(super) still_running: BTreeSet<IpAddr>,
}

/// Decides for all, of whom only those who are `concerned` are looked at.
pub(super) fn decide(case: Case<'_>, concerned: &Concerned<'_>) -> Decision {
    let Case { settings, now, .. } = case;
    let containers = concerned.containers();
    let candidates = split(&containers, case.flaps, settings.allow_loopback);
    let pool_size = match concerned {
        Concerned::Everyone(_) if case.mapping.port_count.is_none() => {
            let need = size::needed(&candidates.eligible, case.most_ports);
            size::grown(case.pool_size, need, case.most_ports)
        }
        _ => case.pool_size,
    };
    let rules = Rules { pool_size, room: case.mapping.room(), tombstone: settings.tombstone };
    let theirs = assign(candidates, &concerned.theirs(case.assignments), case.reached, rules, now);
    let running = still_running(&containers, &theirs, settings.allow_loopback);
    let mut still_running = concerned.put_back_addresses(running, case.still_running);
    let mut assignments = concerned.put_back(theirs, case.assignments, now);
    if case.is_live {
        let reachable = || addresses(&case.snapshot.containers);
        assignments = guard::hold(case.assignments, assignments, pool_size, reachable, settings.guard, now);
        let held = assignments.hold.iter().flat_map(|hold| &hold.slots);
        for occupant in held.filter_map(|slot| assignments.slots.get(slot)) {
            still_running.remove(&occupant.address);
        }
    }
    Decision { pool_size, assignments, still_running }
}
