//! Who still runs although no port leads there. Pure.

use std::{borrow::Borrow, collections::BTreeSet, net::IpAddr};

use super::{Assignments, eligibility::usable_address};
use crate::metadata::{Container, Stage};

/// The addresses of those of `containers` that have no slot but still run, apart from addresses that a slot has.
pub(super) fn still_running<C: Borrow<Container>>(
    containers: &[C],
    assignments: &Assignments,
    allow_loopback: bool,
) -> BTreeSet<IpAddr> {
    if assignments.unmapped.is_empty() {
        return BTreeSet::new();
    }
    let containers = containers.iter().map(Borrow::borrow);
    let without_slot = containers.filter(|c| assignments.unmapped.contains_key(&*c.uuid));
    let mut running: BTreeSet<_> = without_slot
        .filter(|container| runs(container))
        .filter_map(|container| usable_address(container, allow_loopback).ok())
        .collect();
    for occupant in assignments.slots.values() {
        running.remove(&occupant.address);
    }
    running
}

/// A container that is being stopped still finishes its work; one that restarts has lost it.
fn runs(container: &Container) -> bool {
    matches!(container.stage(), Stage::Running | Stage::Stopping)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        allocation::{Flaps, Rules, assign, split},
        testing::container,
    };

    /// In a pool of two, in which `containers` (oldest first) come upon nobody.
    fn running(containers: &[Container]) -> Vec<String> {
        let rules = Rules { pool_size: 2, room: 100, tombstone: Duration::ZERO };
        // Whoever is newer has been reached.
        let at = |c: &Container| Some((c.uuid.clone(), c.primary_ip.as_ref()?.address()?));
        let reached = containers.iter().filter_map(at).collect();
        let (candidates, previous) = (split(containers, &Flaps::default(), false), Assignments::default());
        let assignments = assign(candidates, &previous, &reached, rules, Duration::ZERO);
        let running = still_running(containers, &assignments, false);
        running.iter().map(ToString::to_string).collect()
    }

    fn with(state: &str, container: &Container) -> Container {
        Container { state: Some(state.into()), ..container.clone() }
    }

    fn at(address: &str, container: &Container) -> Container {
        Container { primary_ip: Some(address.into()), ..container.clone() }
    }

    #[test]
    fn whoever_is_replaced_or_being_stopped_or_outside_of_the_pool_still_runs() {
        let (old, new) = (container("old", 1, Some(1)), container("new", 2, Some(1)));
        let outside = container("outside", 3, Some(3));
        assert_eq!(running(&[old.clone(), new, outside]), ["10.42.0.2", "10.42.0.4"]);
        assert_eq!(running(&[with("stopping", &old)]), ["10.42.0.2"]);
        assert_eq!(running(&[with("updating-running", &old)]), [] as [&str; 0], "it has a slot");
    }

    #[test]
    fn whoever_restarts_or_starts_or_has_stopped_does_not() {
        let (old, new) = (container("old", 1, Some(1)), container("new", 2, Some(1)));
        for state in ["restarting", "starting", "stopped", "removed", "created"] {
            assert_eq!(running(&[with(state, &old), new.clone()]), [] as [&str; 0], "{state}");
        }
        assert_eq!(running(&[Container { state: None, ..old }, new]), ["10.42.0.2"]);
    }

    #[test]
    fn an_address_that_a_slot_has_or_that_is_none_is_left_out() {
        let (old, new) = (container("old", 1, Some(2)), at("10.42.0.2", &container("new", 2, Some(1))));
        assert_eq!(running(&[old, new.clone()]), [] as [&str; 0], "the newer one is reached there");
        let stopping = with("stopping", &container("gone", 1, Some(2)));
        assert_eq!(running(&[at("::ffff:10.42.0.2", &stopping), new]), [] as [&str; 0]);
        for odd in ["x", "0.0.0.0", "127.0.0.1"] {
            assert_eq!(running(&[at(odd, &stopping)]), [] as [&str; 0], "{odd}");
        }
        assert_eq!(running(&[Container { primary_ip: None, ..stopping }]), [] as [&str; 0]);
    }
}
