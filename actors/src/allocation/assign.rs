//! Rules 2 to 5: from the eligible containers and the previous assignments to the next ones. Pure.
//!
//! The order of the containers has no influence beyond their age, which is part of them (rule 8).

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU64,
    sync::Arc,
    time::Duration,
};

use itertools::Itertools;
use serde::{Deserialize, Serialize};

use super::{
    Assignment, Unmapped,
    eligibility::{Candidates, Eligible},
    takeover::{is_to_be_probed, owner},
};
use crate::{in_ns, probing::Target};

/// What is decided, and remembered from one snapshot to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Assignments {
    /// The container of each slot.
    pub(super) slots: BTreeMap<u16, Assignment>,
    /// The free slots that are reserved.
    pub(super) reservations: BTreeMap<u16, Reservation>,
    /// The containers without a slot, and why, by uuid.
    pub(super) unmapped: BTreeMap<Arc<str>, Unmapped>,
    /// The containers that take over a slot once they accept a connection.
    pub(super) successors: BTreeSet<Target>,
}

/// A slot that was freed a moment ago is reserved for its last container against others without an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reservation {
    /// The container that had the slot.
    pub(super) uuid: Arc<str>,
    /// When it ends, on the same clock as `now`.
    #[serde(rename = "until_ns", with = "in_ns")]
    pub(super) until: Duration,
}

/// What holds for all containers alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The number of slots.
    pub(super) pool_size: u16,
    /// The number of slots that there are port numbers for.
    pub(super) max_port_count: u16,
    /// How long a freed slot is reserved.
    pub(super) port_reuse_delay: Duration,
}

/// Rules 2 to 5: assigns slots to `candidates`, given the `previous` assignments and the containers that were
/// `probed_ready` just now. `now` is on any clock that only goes forward.
pub(super) fn assign(
    candidates: Candidates<'_>,
    previous: &Assignments,
    probed_ready: &BTreeSet<Target>,
    rules: Rules,
    now: Duration,
) -> Assignments {
    let Candidates { eligible, unmapped } = candidates;
    let (slots, successors, awaited) = Default::default();
    let mut placement = Placement { slots, unmapped, successors, awaited, rules };
    let unindexed = placement.place_by_index(eligible, &previous.slots, probed_ready);
    let newcomers = placement.keep_slots(unindexed, previous, now);
    let reservations = placement.reservations(previous, now);
    placement.place_newcomers(newcomers, &reservations);
    let Placement { slots, unmapped, successors, .. } = placement;
    let slots = slots.into_iter().map(|(slot, placed)| (slot, placed.into())).collect();
    Assignments { slots, reservations, unmapped, successors }
}

impl Assignments {
    /// When the passing of time alone may change the result: a container waits for a reservation to end.
    pub(super) fn next_change(&self) -> Option<Duration> {
        let waits = self.unmapped.values().any(|reason| matches!(reason, Unmapped::NoFreeSlot { .. }));
        self.reservations.values().filter(|_| waits).map(|reservation| reservation.until).min()
    }
}

/// The containers that have a slot so far.
struct Placement<'a> {
    slots: BTreeMap<u16, Eligible<'a>>,
    unmapped: BTreeMap<Arc<str>, Unmapped>,
    successors: BTreeSet<Target>,
    /// The slots whose containers linger until their successors are ready.
    awaited: BTreeSet<u16>,
    rules: Rules,
}

impl<'a> Placement<'a> {
    /// Rules 2, 4 and 5. Returns the containers without a usable index.
    fn place_by_index(
        &mut self,
        eligible: Vec<Eligible<'a>>,
        previous: &BTreeMap<u16, Assignment>,
        probed_ready: &BTreeSet<Target>,
    ) -> Vec<Eligible<'a>> {
        let Rules { pool_size, max_port_count, .. } = self.rules;
        let mut unindexed = Vec::new();
        let mut claims = Vec::with_capacity(eligible.len());
        for candidate in eligible {
            let Some(index) = candidate.container.index else {
                unindexed.push(candidate);
                continue;
            };
            match slot_of(index, pool_size) {
                Some(slot) => claims.push((slot, candidate)),
                None => {
                    let outside = Unmapped::OutsidePool { index: index.get(), pool_size, max_port_count };
                    self.unmapped.insert(Arc::clone(&candidate.container.uuid), outside);
                }
            }
        }
        // The sort is stable: the oldest still comes first among those that claim the same slot.
        claims.sort_by_key(|(slot, _)| *slot);
        let mut owners = Vec::with_capacity(claims.len());
        for claims in claims.chunk_by(|(a, _), (b, _)| a == b) {
            let [(slot, first), others @ ..] = claims else { continue };
            let owner = match others {
                [] => *first,
                _ => self.owner(claims, previous.get(slot), probed_ready),
            };
            if owner.lingers_since.is_some() && !others.is_empty() {
                self.awaited.insert(*slot);
            }
            owners.push((*slot, owner));
        }
        self.slots = owners.into_iter().collect();
        unindexed
    }

    /// Rule 4: of those that claim a slot, of which the oldest comes first, one owns it.
    fn owner(
        &mut self,
        claims: &[(u16, Eligible<'a>)],
        incumbent: Option<&Assignment>,
        probed_ready: &BTreeSet<Target>,
    ) -> Eligible<'a> {
        let claimants: Vec<_> = claims.iter().map(|(_, claimant)| *claimant).collect();
        let successor = |claimant: &Eligible<'_>| Target {
            uuid: Arc::clone(&claimant.container.uuid),
            backend: claimant.backend,
        };
        let position = owner(&claimants, incumbent, |claimant| probed_ready.contains(&successor(claimant)));
        let owner = claimants[position];
        for (place, other) in claimants.iter().enumerate().filter(|(place, _)| *place != position) {
            if other.lingers_since.is_some() {
                continue;
            }
            let by = owner.container.uuid.to_string();
            let is_newer = place > position || owner.is_doubtful();
            if is_newer && is_to_be_probed(other, &owner) {
                self.successors.insert(successor(other));
            }
            let reason = match is_newer && other.is_running() {
                true => Unmapped::NotReady { incumbent: by },
                false => Unmapped::Superseded { by },
            };
            self.unmapped.insert(Arc::clone(&other.container.uuid), reason);
        }
        owner
    }

    /// Rule 3, first half: the slot that a container has, or had a moment ago. Returns those that have no slot yet.
    fn keep_slots(
        &mut self,
        unindexed: Vec<Eligible<'a>>,
        previous: &Assignments,
        now: Duration,
    ) -> Vec<Eligible<'a>> {
        if unindexed.is_empty() {
            return unindexed;
        }
        let has: HashMap<&str, u16> =
            previous.slots.iter().map(|(slot, assignment)| (&*assignment.uuid, *slot)).collect();
        let had: HashMap<&str, u16> =
            standing(&previous.reservations, now).map(|(slot, had)| (&*had.uuid, slot)).collect();
        let mut newcomers = Vec::new();
        for candidate in unindexed {
            let uuid = &*candidate.container.uuid;
            let lingers = candidate.lingers_since.is_some();
            let had = had.get(uuid).filter(|_| !lingers);
            let mut slots = has.get(uuid).into_iter().chain(had).copied();
            match slots.find(|slot| self.is_free(*slot)) {
                Some(slot) => drop(self.slots.insert(slot, candidate)),
                None if lingers => {}
                None => newcomers.push(candidate),
            }
        }
        newcomers
    }

    /// Rule 3, the reservations: each slot that was freed just now is reserved, and those that were stay so in their
    /// time.
    fn reservations(&self, previous: &Assignments, now: Duration) -> BTreeMap<u16, Reservation> {
        let fresh_until = now + self.rules.port_reuse_delay;
        let standing = standing(&previous.reservations, now).map(|(slot, had)| (slot, &had.uuid, had.until));
        let fresh = freed(&previous.slots, &self.slots).map(|(slot, had)| (slot, &had.uuid, fresh_until));
        let reserved = standing.chain(fresh).filter(|(slot, _, until)| self.is_free(*slot) && *until > now);
        reserved.map(|(slot, uuid, until)| (slot, Reservation { uuid: Arc::clone(uuid), until })).collect()
    }

    /// Rule 3, second half: the oldest first, each on the lowest slot that is free and not reserved; if there is none,
    /// on that of the container that has lingered for longest (rule 6) and has no successor.
    fn place_newcomers(&mut self, newcomers: Vec<Eligible<'a>>, reservations: &BTreeMap<u16, Reservation>) {
        let Rules { pool_size, max_port_count, .. } = self.rules;
        let mut lowest = 0;
        for newcomer in newcomers {
            while lowest < pool_size && (!self.is_free(lowest) || reservations.contains_key(&lowest)) {
                lowest += 1;
            }
            let free = Some(lowest).filter(|slot| *slot < pool_size);
            if let Some(slot) = free.or_else(|| self.longest_lingering()) {
                self.slots.insert(slot, newcomer);
            } else {
                let none_free = Unmapped::NoFreeSlot { pool_size, max_port_count };
                self.unmapped.insert(Arc::clone(&newcomer.container.uuid), none_free);
            }
        }
    }

    fn longest_lingering(&self) -> Option<u16> {
        let lingering = self.slots.iter().filter_map(|(slot, placed)| Some((placed.lingers_since?, *slot)));
        lingering.filter(|(_, slot)| !self.awaited.contains(slot)).min().map(|(_, slot)| slot)
    }

    /// Whether the pool has this slot, and no container has it.
    fn is_free(&self, slot: u16) -> bool {
        slot < self.rules.pool_size && !self.slots.contains_key(&slot)
    }
}

/// Rule 2: the slot of this index; `None` if the pool has none for it.
fn slot_of(index: NonZeroU64, pool_size: u16) -> Option<u16> {
    u16::try_from(index.get() - 1).ok().filter(|slot| *slot < pool_size)
}

/// The slots of `before` that are free in `after`. Both are walked through side by side: to look each slot up would
/// double the time of a decision in a pool of thousands.
fn freed<'a, A, B>(
    before: &'a BTreeMap<u16, A>,
    after: &BTreeMap<u16, B>,
) -> impl Iterator<Item = (u16, &'a A)> {
    let pairs = before.iter().merge_join_by(after, |(a, _), (b, _)| a.cmp(b));
    pairs.filter_map(|pair| pair.just_left()).map(|(slot, was)| (*slot, was))
}

/// The reservations that have not ended.
fn standing(
    reservations: &BTreeMap<u16, Reservation>,
    now: Duration,
) -> impl Iterator<Item = (u16, &Reservation)> {
    reservations
        .iter()
        .filter(move |(_, standing)| standing.until > now)
        .map(|(slot, standing)| (*slot, standing))
}

impl From<Eligible<'_>> for Assignment {
    fn from(Eligible { container, backend, .. }: Eligible<'_>) -> Self {
        Self { uuid: Arc::clone(&container.uuid), name: Arc::clone(&container.name), backend }
    }
}
