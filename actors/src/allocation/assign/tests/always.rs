//! What the design promises to be always true, over random histories.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    history::{Moment, history, number},
    *,
};
use crate::domain::{Address, State};

/// The containers that can be mapped, by the words of rule 1 alone.
fn eligible(containers: &[Container]) -> Vec<&Container> {
    let can_serve = |c: &Container| {
        !matches!(c.state.as_ref().map(State::as_str), Some("creating" | "stopping" | "stopped"))
    };
    let has_address =
        |c: &Container| c.address.as_ref().map(Address::as_str).is_some_and(|ip| ip != "0.0.0.0");
    let able: Vec<_> = containers.iter().filter(|c| can_serve(c) && has_address(c)).collect();
    let age = |c: &Container| (c.created, c.uuid.clone());
    let is_newest_there = |c: &Container| !able.iter().any(|d| d.address == c.address && age(d) > age(c));
    able.iter().copied().filter(|c| is_newest_there(c)).collect()
}

/// Whether it runs already.
fn runs(container: &Container) -> bool {
    !matches!(container.state.as_ref().map(State::as_str), Some("starting" | "restarting"))
}

/// Rules 2, 4 and 5 once more, as obvious as can be: the container of each slot by index.
fn by_index(containers: &[Container], before: &Assignments, pool_size: u16) -> BTreeMap<u16, Arc<str>> {
    let eligible = eligible(containers);
    let owner_of = |slot: u16| {
        let mut claimants: Vec<_> =
            eligible.iter().copied().filter(|c| number(c) == Some(u64::from(slot) + 1)).collect();
        claimants.sort_by_key(|c| (c.created, &c.uuid));
        let was_there = |c: &&&Container| before.slots.get(&slot).is_some_and(|was| was.uuid == c.uuid);
        let first_running = claimants.iter().find(|c| runs(c));
        let incumbent = claimants.iter().find(was_there).or(first_running).or(claimants.last());
        let ready_and_newer = |incumbent: &Container| {
            let is_newer = |c: &Container| (c.created, &c.uuid) > (incumbent.created, &incumbent.uuid);
            claimants.iter().rfind(|c| runs(c) && accepts(c) && is_newer(c))
        };
        let owner = incumbent.map(|incumbent| ready_and_newer(incumbent).unwrap_or(incumbent));
        owner.map(|c| (slot, c.uuid.clone()))
    };
    (0..pool_size).filter_map(owner_of).collect()
}

fn uuids(assignments: &Assignments) -> BTreeMap<u16, Arc<str>> {
    assignments.slots.iter().map(|(slot, assignment)| (*slot, assignment.uuid.clone())).collect()
}

/// The slot of one container.
fn slot_of(assignments: &Assignments, uuid: &str) -> Option<u16> {
    assignments.slots.iter().find(|(_, assignment)| &*assignment.uuid == uuid).map(|(slot, _)| *slot)
}

/// Lives through a history, looking at each step at (moment, containers, before, after).
fn live_through(
    history: &[Moment],
    mut look: impl FnMut(&Moment, &[Container], &Assignments, &Assignments) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut before = Assignments::default();
    for moment in history {
        let containers = moment.containers(0);
        let after = assigned(&containers, &before, moment.rules, moment.now);
        look(moment, &containers, &before, &after)?;
        before = after;
    }
    Ok(())
}

proptest! {
    /// A port leads to at most one container since a slot has one assignment; here the other way round.
    #[test]
    fn a_container_has_at_most_one_port_and_an_address_too(history in history()) {
        live_through(&history, |_, _, _, after| {
            let uuids: BTreeSet<_> = after.slots.values().map(|assignment| &assignment.uuid).collect();
            let backends: BTreeSet<_> = after.slots.values().map(|assignment| assignment.backend).collect();
            prop_assert_eq!(uuids.len(), after.slots.len());
            prop_assert_eq!(backends.len(), after.slots.len());
            Ok(())
        })?;
    }

    #[test]
    fn a_listed_container_has_a_slot_or_a_reason_and_no_other_has(history in history()) {
        live_through(&history, |_, containers, _, after| {
            let listed: BTreeSet<_> = containers.iter().map(|c| c.uuid.clone()).collect();
            let mapped: BTreeSet<_> = uuids(after).into_values().collect();
            let unmapped: BTreeSet<_> = after.unmapped.keys().cloned().collect();
            prop_assert_eq!(mapped.intersection(&unmapped).count(), 0);
            prop_assert_eq!(mapped.union(&unmapped).cloned().collect::<BTreeSet<_>>(), listed);
            Ok(())
        })?;
    }

    #[test]
    fn the_reason_for_having_no_slot_is_true(history in history()) {
        live_through(&history, |moment, containers, _, after| {
            let pool = moment.rules.pool_size;
            let find = |uuid: &str| containers.iter().find(|c| &*c.uuid == uuid);
            let eligible: BTreeSet<_> = eligible(containers).into_iter().map(|c| &c.uuid).collect();
            for (uuid, reason) in &after.unmapped {
                let Some(container) = find(uuid) else { continue };
                let is_newer = |d: &Container| (d.created, &d.uuid) > (container.created, uuid);
                let is_true = match reason {
                    Unmapped::NotRunning { state } => container.state.as_ref().map(State::as_str) == Some(state),
                    Unmapped::NoAddress => container.address.is_none(),
                    Unmapped::BadAddress { address } => container.address.as_ref().map(Address::as_str) == Some(address),
                    Unmapped::Shared { .. } => false,
                    Unmapped::AddressTaken { newer, .. } => find(newer)
                        .is_some_and(|d| is_newer(d) && d.address == container.address),
                    Unmapped::Superseded { by } => find(by).is_some_and(|d| {
                        // Of those that only start, the one that was there before.
                        d.index == container.index && (is_newer(d) || !runs(container))
                    }),
                    Unmapped::NotReady { incumbent } => find(incumbent).is_some_and(|d| {
                        d.index == container.index && !is_newer(d) && runs(container) && !accepts(container)
                    }),
                    Unmapped::OutsidePool { index, pool_size, .. } => {
                        number(container) == Some(*index) && *index > u64::from(pool) && *pool_size == pool
                    }
                    Unmapped::NoFreeSlot { pool_size, .. } => number(container).is_none() && *pool_size == pool,
                    Unmapped::NoIdentity
                    | Unmapped::Flapping
                    | Unmapped::NoSuchPort { .. }
                    | Unmapped::Loopback { .. }
                    | Unmapped::OwnListener { .. } => false,
                };
                let concerns_eligible = matches!(
                    reason,
                    Unmapped::Superseded { .. } | Unmapped::NotReady { .. } | Unmapped::OutsidePool { .. } | Unmapped::NoFreeSlot { .. }
                );
                prop_assert!(is_true, "{container:?}: {reason}");
                prop_assert_eq!(concerns_eligible, eligible.contains(uuid), "{:?}: {}", container, reason);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_port_leads_to_where_its_container_is_now(history in history()) {
        live_through(&history, |_, containers, _, after| {
            let eligible: BTreeMap<_, _> = eligible(containers).into_iter().map(|c| (&c.uuid, c)).collect();
            for assignment in after.slots.values() {
                let container = eligible.get(&assignment.uuid);
                prop_assert!(container.is_some(), "{assignment:?} is not eligible");
                let address = container.and_then(|c| c.address.clone());
                prop_assert_eq!(address.as_ref().map(Address::as_str), Some(&*assignment.backend.ip().to_string()));
            }
            Ok(())
        })?;
    }

    #[test]
    fn slots_and_reservations_are_apart_and_within_the_pool(history in history()) {
        live_through(&history, |moment, _, _, after| {
            let mut slots = after.slots.keys().chain(after.reservations.keys());
            prop_assert!(slots.all(|slot| *slot < moment.rules.pool_size), "{after:?}");
            prop_assert!(after.reservations.keys().all(|slot| !after.slots.contains_key(slot)), "{after:?}");
            Ok(())
        })?;
    }

    /// All hosts agree, however long each has been up, as soon as no container has to be waited for.
    #[test]
    fn containers_with_an_index_are_where_the_reference_has_them(history in history()) {
        live_through(&history, |moment, containers, before, after| {
            let mut with_index = uuids(after);
            with_index.retain(|_, uuid| containers.iter().any(|c| c.uuid == *uuid && number(c).is_some()));
            prop_assert_eq!(with_index, by_index(containers, before, moment.rules.pool_size));
            Ok(())
        })?;
    }

    /// Without an index it keeps the port unless the pool shrank or an index came for it. (With one, it keeps
    /// the port as the one above says.)
    #[test]
    fn an_eligible_container_without_index_keeps_its_port(history in history()) {
        live_through(&history, |moment, containers, before, after| {
            let indexed = by_index(containers, before, moment.rules.pool_size);
            for container in eligible(containers).into_iter().filter(|c| number(c).is_none()) {
                let Some(slot) = slot_of(before, &container.uuid) else { continue };
                if slot < moment.rules.pool_size && !indexed.contains_key(&slot) {
                    prop_assert_eq!(slot_of(after, &container.uuid), Some(slot), "{}", container.uuid);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn one_without_an_index_follows_another_only_after_the_reuse_delay(history in history()) {
        // The last container of each slot, and since when it is free.
        let mut last: BTreeMap<u16, (Arc<str>, Option<Duration>)> = BTreeMap::new();
        live_through(&history, |moment, containers, _, after| {
            last.retain(|slot, _| *slot < moment.rules.pool_size);
            let unindexed: BTreeSet<_> =
                containers.iter().filter(|c| number(c).is_none()).map(|c| c.uuid.clone()).collect();
            for (slot, uuid) in uuids(after) {
                let former = last.insert(slot, (uuid.clone(), None));
                let former = former.filter(|(former, _)| *former != uuid && unindexed.contains(&uuid));
                if let Some((former, free_since)) = former {
                    let is_over = free_since.is_some_and(|since| moment.now >= since + REUSE_DELAY);
                    prop_assert!(is_over, "{uuid} follows {former} on {slot}, free since {free_since:?}");
                }
            }
            for (_, (_, free_since)) in last.iter_mut().filter(|(slot, _)| !after.slots.contains_key(slot)) {
                free_since.get_or_insert(moment.now);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_newcomer_is_on_the_lowest_slot_that_is_neither_taken_nor_reserved(history in history()) {
        live_through(&history, |moment, containers, before, after| {
            let free = |slot: &u16| !after.slots.contains_key(slot) && !after.reservations.contains_key(slot);
            let lowest = (0..moment.rules.pool_size).find(free);
            for container in containers.iter().filter(|c| number(c).is_none()) {
                let came_to = slot_of(after, &container.uuid);
                let is_back = |slot: u16| before.reservations.get(&slot).is_some_and(|had| had.uuid == container.uuid);
                let is_newcomer = slot_of(before, &container.uuid).is_none();
                if let Some(slot) = came_to.filter(|slot| is_newcomer && !is_back(*slot)) {
                    prop_assert!(lowest.is_none_or(|lowest| slot < lowest), "{} on {slot}", container.uuid);
                }
            }
            let waits = after.unmapped.values().any(|reason| matches!(reason, Unmapped::NoFreeSlot { .. }));
            prop_assert!(!waits || lowest.is_none(), "{after:?}");
            Ok(())
        })?;
    }

    #[test]
    fn the_same_history_in_any_order_of_each_document_gives_the_same_plan(history in history(), seed: u64) {
        let mut shuffled = Assignments::default();
        live_through(&history, |moment, _, _, after| {
            shuffled = assigned(&moment.containers(seed), &shuffled, moment.rules, moment.now);
            prop_assert_eq!(&shuffled, after);
            Ok(())
        })?;
    }

    /// However often the same snapshot is looked at in between.
    #[test]
    fn the_passing_of_time_changes_nothing_before_it_is_said_to(history in history(), share in 0.0..1.0) {
        live_through(&history, |moment, containers, _, after| {
            let end = after.next_change().unwrap_or(moment.now + 2 * REUSE_DELAY);
            let between = moment.now + (end - moment.now).mul_f64(share);
            let looked_again = assigned(containers, after, moment.rules, between);
            prop_assert_eq!(&looked_again.slots, &after.slots);
            prop_assert_eq!(&looked_again.unmapped, &after.unmapped);
            Ok(())
        })?;
    }

    #[test]
    fn a_container_that_waits_has_a_slot_once_the_next_change_has_come(history in history()) {
        live_through(&history, |moment, containers, _, after| {
            let Some(end) = after.next_change() else { return Ok(()) };
            prop_assert!(end > moment.now);
            let then = assigned(containers, after, moment.rules, end);
            prop_assert!(then.slots.len() > after.slots.len(), "{then:?}");
            Ok(())
        })?;
    }
}
