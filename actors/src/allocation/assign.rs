//! Rules 2 to 6: from what the metadata says and who had which slot to who has which slot.
//!
//! A pure function. The order of the containers has no influence beyond their age, which is part of them.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    Hold, Occupant, Reached, Unmapped,
    eligibility::{Candidates, Eligible, slot_of},
    takeover::{may_be_reached, winner},
};
use crate::{
    metadata::ServiceIndex,
    paged_map::{PagedMap, in_step},
};

/// What is remembered from one snapshot to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignments {
    /// Who is on which slot.
    pub(crate) slots: PagedMap<Occupant>,
    /// Who was on a slot that is free now, and how long it is kept for it.
    pub(crate) tombstones: BTreeMap<u16, Tombstone>,
    /// Who is on no slot, and why, by container uuid.
    pub(crate) unmapped: BTreeMap<Arc<str>, Unmapped>,
    /// Which slots keep their containers for a while although these are gone.
    pub(crate) hold: Option<Hold>,
    /// Who would take over a slot if a connection showed that it is ready, and where.
    pub(crate) challengers: Reached,
}

/// A slot that was freed a moment ago. Containers without an index stay away from it, so that a client of
/// the old container does not land on another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// Who had the slot.
    pub(crate) uuid: Arc<str>,
    /// When it ends, on the same clock as `now`.
    pub(crate) until: Duration,
}

/// What holds for all containers alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The number of slots.
    pub(crate) pool_size: u16,
    /// The number of slots that there are port numbers for.
    pub(crate) room: u16,
    /// How long a freed slot stays a tombstone.
    pub(crate) tombstone: Duration,
}

/// Assigns slots to `candidates`, given who had which before and who has been reached. `now` is on any clock that only
/// goes forward.
pub(crate) fn assign(
    candidates: Candidates<'_>,
    previous: &Assignments,
    reached: &Reached,
    rules: Rules,
    now: Duration,
) -> Assignments {
    let Candidates { eligible, unmapped } = candidates;
    let mut placement = Placement { slots: BTreeMap::new(), unmapped, challengers: Reached::new(), rules };
    let unindexed = placement.place_by_index(&eligible, &previous.slots, reached);
    let newcomers = placement.keep_places(unindexed, previous, now);
    let mut slots = previous.slots.clone();
    let freed = placement.settle(&previous.slots, &mut slots);
    let tombstones = placement.tombstones(previous, freed, now);
    placement.place_newcomers(newcomers, &tombstones, &mut slots);
    let Placement { unmapped, challengers, .. } = placement;
    Assignments { slots, tombstones, unmapped, hold: None, challengers }
}

impl Assignments {
    /// When the passing of time alone may change the result: a container waits for a tombstone to end, or a hold
    /// ends.
    pub(crate) fn next_change(&self) -> Option<Duration> {
        let waits = self.unmapped.values().any(|reason| matches!(reason, Unmapped::NoFreeSlot { .. }));
        let tombstones = self.tombstones.values().filter(|_| waits).map(|tombstone| tombstone.until);
        tombstones.chain(self.hold.iter().map(|hold| hold.until)).min()
    }
}

struct Placement<'a> {
    /// Who is on which slot so far.
    slots: BTreeMap<u16, Eligible<'a>>,
    unmapped: BTreeMap<Arc<str>, Unmapped>,
    challengers: Reached,
    rules: Rules,
}

impl<'a> Placement<'a> {
    /// Rules 2, 4 and 5. All hosts see the same index, so they agree without talking to each other. Gives back those
    /// without a usable index.
    fn place_by_index(
        &mut self,
        eligible: &[Eligible<'a>],
        previous: &PagedMap<Occupant>,
        reached: &Reached,
    ) -> Vec<Eligible<'a>> {
        let Rules { pool_size, room, .. } = self.rules;
        let mut unindexed = Vec::new();
        let mut claims = Vec::with_capacity(eligible.len());
        for candidate in eligible {
            let ServiceIndex::Numbered(index) = candidate.container.index else {
                unindexed.push(*candidate);
                continue;
            };
            match slot_of(candidate.container.index, pool_size) {
                Some(slot) => claims.push((slot, *candidate)),
                None => {
                    let outside = Unmapped::OutsidePool { index: index.get(), pool_size, room };
                    self.unmapped.insert(Arc::clone(&candidate.container.uuid), outside);
                }
            }
        }
        // The oldest come first, and still do among those who claim the same slot.
        claims.sort_by_key(|(slot, _)| *slot);
        let mut placed = Vec::with_capacity(claims.len());
        for claims in claims.chunk_by(|(a, _), (b, _)| a == b) {
            let [(slot, first), others @ ..] = claims else { continue };
            let is_contested = !others.is_empty();
            let winner = if is_contested { self.winner(claims, previous.get(slot), reached) } else { *first };
            placed.push((*slot, winner));
        }
        self.slots = placed.into_iter().collect();
        unindexed
    }

    /// Rule 4: of those who claim a slot, and who come oldest first, one gets it.
    fn winner(
        &mut self,
        claims: &[(u16, Eligible<'a>)],
        incumbent: Option<&Occupant>,
        reached: &Reached,
    ) -> Eligible<'a> {
        let claimants: Vec<_> = claims.iter().map(|(_, claimant)| *claimant).collect();
        let position = winner(&claimants, incumbent, reached);
        let winner = claimants[position];
        for (place, loser) in claimants.iter().enumerate().filter(|(place, _)| *place != position) {
            let (uuid, by) = (Arc::clone(&loser.container.uuid), winner.container.uuid.to_string());
            let reason = if place > position && loser.is_running() {
                if may_be_reached(loser) {
                    self.challengers.insert((Arc::clone(&uuid), loser.address));
                }
                Unmapped::NotReady { incumbent: by }
            } else {
                Unmapped::Superseded { by }
            };
            self.unmapped.insert(uuid, reason);
        }
        winner
    }

    /// Rule 3, first half: the slot it already has, or had a moment ago. A container with an index is
    /// stronger, since the other hosts see that index too. Gives back those that have no slot yet.
    fn keep_places(
        &mut self,
        unindexed: Vec<Eligible<'a>>,
        previous: &Assignments,
        now: Duration,
    ) -> Vec<Eligible<'a>> {
        if unindexed.is_empty() {
            return unindexed;
        }
        let had = previous.slots.iter().map(|(slot, occupant)| (&*occupant.uuid, *slot));
        let had_lately = live(&previous.tombstones, now).map(|(slot, t)| (&*t.uuid, slot));
        let places: HashMap<&str, u16> = had_lately.chain(had).collect();
        let mut newcomers = Vec::new();
        for candidate in unindexed {
            let place = places.get(&*candidate.container.uuid).copied();
            match place.filter(|slot| self.is_free(*slot)) {
                Some(slot) => {
                    self.slots.insert(slot, candidate);
                }
                None => newcomers.push(candidate),
            }
        }
        newcomers
    }

    /// Makes `slots` of the `previous` ones, and gives back those that have become free. Of a large pool most stay
    /// as they are.
    fn settle<'p>(
        &self,
        previous: &'p PagedMap<Occupant>,
        slots: &mut PagedMap<Occupant>,
    ) -> Vec<(u16, &'p Occupant)> {
        let mut freed = Vec::new();
        for (slot, was, is) in in_step(previous.iter(), &self.slots) {
            match (was, is) {
                (Some(was), Some(is)) if is.is(was) => {}
                (_, Some(is)) => drop(slots.insert(slot, is.occupant())),
                (Some(was), None) => {
                    slots.remove(&slot);
                    freed.push((slot, was));
                }
                (None, None) => {}
            }
        }
        freed
    }

    /// Rule 6 and the tombstones of rule 3: whoever lost a slot just now leaves one.
    fn tombstones(
        &self,
        previous: &Assignments,
        freed: Vec<(u16, &Occupant)>,
        now: Duration,
    ) -> BTreeMap<u16, Tombstone> {
        let until = now + self.rules.tombstone;
        let fresh = freed
            .into_iter()
            .map(|(slot, occupant)| (slot, Tombstone { uuid: Arc::clone(&occupant.uuid), until }));
        let standing = live(&previous.tombstones, now).map(|(slot, t)| (slot, t.clone()));
        standing
            .chain(fresh)
            .filter(|(slot, tombstone)| self.is_free(*slot) && tombstone.until > now)
            .collect()
    }

    /// Rule 3, second half: the oldest first, each on the lowest slot that is free and no tombstone.
    fn place_newcomers(
        &mut self,
        newcomers: Vec<Eligible<'a>>,
        tombstones: &BTreeMap<u16, Tombstone>,
        slots: &mut PagedMap<Occupant>,
    ) {
        let Rules { pool_size, room, .. } = self.rules;
        let mut lowest = 0;
        for newcomer in newcomers {
            while lowest < pool_size && (!self.is_free(lowest) || tombstones.contains_key(&lowest)) {
                lowest += 1;
            }
            if lowest < pool_size {
                slots.insert(lowest, newcomer.occupant());
                self.slots.insert(lowest, newcomer);
            } else {
                let none_free = Unmapped::NoFreeSlot { pool_size, room };
                self.unmapped.insert(Arc::clone(&newcomer.container.uuid), none_free);
            }
        }
    }

    /// Whether the slot is one of the pool, and nobody has it.
    fn is_free(&self, slot: u16) -> bool {
        slot < self.rules.pool_size && !self.slots.contains_key(&slot)
    }
}

fn live(tombstones: &BTreeMap<u16, Tombstone>, now: Duration) -> impl Iterator<Item = (u16, &Tombstone)> {
    tombstones.iter().filter(move |(_, t)| t.until > now).map(|(slot, t)| (*slot, t))
}

impl Eligible<'_> {
    fn occupant(&self) -> Occupant {
        let Self { container, address } = self;
        Occupant { uuid: Arc::clone(&container.uuid), name: Arc::clone(&container.name), address: *address }
    }

    /// Whether this is the container that was known as `occupant`, at the same address.
    fn is(&self, occupant: &Occupant) -> bool {
        let Self { container, address } = self;
        *address == occupant.address
            && is_same_text(&container.uuid, &occupant.uuid)
            && is_same_text(&container.name, &occupant.name)
    }
}

/// In a pool of thousands most texts are shared, and looking at each would take longer than all the rest.
fn is_same_text(a: &Arc<str>, b: &Arc<str>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}
