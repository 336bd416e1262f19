//! Rule 6, the mass removal: an answer that would free most slots is not believed at once. Pure.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    Assignment,
    assign::{Assignments, freed},
    eligibility::addresses,
};
use crate::domain::Container;

/// Of fewer slots than these most may be freed together, but never all.
const MIN_SLOTS: usize = 4;

/// A removal of most containers that is held back: slots keep their containers although these are listed no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MassRemoval {
    /// The slots.
    pub(super) slots: BTreeSet<u16>,
    /// When they are freed if their containers do not return, on the allocator's clock.
    pub(super) until: Duration,
    /// How many slots were mapped when it began. Containers that come meanwhile do not make it a smaller one.
    mapped: usize,
    /// How many slots were freed all the same, since they would have led to another container. If 3 of 4 containers are
    /// gone, and one of the 3 addresses has been given away, 2 slots are held; the removal is still one of 3 in 4.
    not_held: usize,
}

/// Rule 6: postpones what `next` frees of the `previous` slots if that is a mass removal, for `hold` at most. What it
/// adds and moves takes effect at once. `containers` are all that are listed, the oldest first: no slot is held at an
/// address that another one of them has, or that another slot leads to.
pub(super) fn hold_back(
    previous: &Assignments,
    mut next: Assignments,
    containers: &[Arc<Container>],
    pool_size: u16,
    hold: Duration,
    now: Duration,
) -> Assignments {
    let mut gone: Vec<(u16, &Assignment)> = freed(&previous.slots, &next.slots).collect();
    let begun = previous.mass_removal.as_ref();
    let until = begun.map_or(now + hold, |removal| removal.until);
    let mapped = begun.map_or(previous.slots.len(), |removal| removal.mapped);
    let not_held = begun.map_or(0, |removal| removal.not_held);
    let is_mass_removal = |gone: &[(u16, &Assignment)]| {
        let in_all = gone.len() + not_held;
        let are_most = in_all >= mapped || (mapped >= MIN_SLOTS && 2 * in_all > mapped);
        !gone.is_empty() && are_most && now < until
    };
    if !is_mass_removal(&gone) {
        return next;
    }
    // A container that has moved to another slot is not gone. To find that out takes a look at all slots.
    let placed: BTreeSet<_> = next.slots.values().map(|assignment| &assignment.uuid).collect();
    gone.retain(|(_, was)| !placed.contains(&was.uuid));
    if !is_mass_removal(&gone) {
        return next;
    }
    // Two containers may be listed at one address while one of them stops, and the other one gets it.
    let listed = addresses(containers);
    let led_to: BTreeSet<_> = next.slots.values().map(|assignment| assignment.address).collect();
    let is_misleading = |was: &Assignment| {
        led_to.contains(&was.address) || listed.get(&was.address).is_some_and(|uuid| **uuid != was.uuid)
    };
    let (free, held): (Vec<_>, Vec<_>) =
        gone.into_iter().partition(|(slot, was)| *slot >= pool_size || is_misleading(was));
    let slots: BTreeSet<u16> = held.iter().map(|(slot, _)| *slot).collect();
    for (slot, was) in held {
        next.reservations.remove(&slot);
        next.unmapped.remove(&was.uuid);
        next.slots.insert(slot, was.clone());
    }
    let removal = MassRemoval { slots, until, mapped, not_held: not_held + free.len() };
    next.mass_removal = Some(removal).filter(|removal| !removal.slots.is_empty());
    next
}
