//! Whom a change of the metadata concerns. Pure.
//!
//! Those who have changed, those who are bound to them, and those who are to these, are looked at as if nobody else
//! were there. In a service of thousands they are a handful.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use rustc_hash::FxHashSet;

use super::{
    Assignments,
    bonds::{Bond, Bonds},
    eligibility::{own_address, slot_of},
};
use crate::metadata::{Change, Container, Snapshot};

/// Those whose slots may have to be decided anew.
#[derive(Debug)]
pub(super) enum Concerned<'a> {
    /// All of the snapshot.
    Everyone(&'a Snapshot),
    /// These few.
    Neighbours(Neighbours<'a>),
}

/// Those who have changed, and whoever is bound to them.
#[derive(Debug, Default)]
pub(super) struct Neighbours<'a> {
    /// Those who are there, the oldest first.
    containers: Vec<&'a Container>,
    /// Theirs, and those of who is gone.
    uuids: FxHashSet<&'a str>,
    addresses: FxHashSet<IpAddr>,
    slots: FxHashSet<u16>,
}

impl<'a> Concerned<'a> {
    /// Those whom `changes` concern, which lead to `snapshot` and its bonds, while the pool keeps its size.
    pub(super) fn by_changes(
        changes: &'a [Change],
        snapshot: &'a Snapshot,
        bonds: &'a Bonds,
        pool_size: u16,
    ) -> Self {
        Neighbours::of(changes, bonds, pool_size).map_or(Self::Everyone(snapshot), Self::Neighbours)
    }

    /// Those of them who are there, the oldest first.
    pub(super) fn containers(&self) -> Cow<'_, [&'a Container]> {
        match self {
            Self::Everyone(snapshot) => snapshot.containers.iter().map(AsRef::as_ref).collect(),
            Self::Neighbours(neighbours) => Cow::Borrowed(&neighbours.containers),
        }
    }

    /// What of `all` is theirs, as far as the next assignments depend on it.
    pub(super) fn theirs<'b>(&self, all: &'b Assignments) -> Cow<'b, Assignments> {
        match self {
            Self::Everyone(_) => Cow::Borrowed(all),
            Self::Neighbours(neighbours) => Cow::Owned(neighbours.theirs(all)),
        }
    }

    /// `all` once `theirs` are these.
    pub(super) fn put_back(&self, theirs: Assignments, all: &Assignments, now: Duration) -> Assignments {
        match self {
            Self::Everyone(_) => theirs,
            Self::Neighbours(neighbours) => neighbours.put_back(theirs, all.clone(), now),
        }
    }

    /// The same for addresses.
    pub(super) fn put_back_addresses(
        &self,
        theirs: BTreeSet<IpAddr>,
        all: &BTreeSet<IpAddr>,
    ) -> BTreeSet<IpAddr> {
        match self {
            Self::Everyone(_) => theirs,
            Self::Neighbours(Neighbours { addresses, .. }) => {
                all.iter().copied().filter(|address| !addresses.contains(address)).chain(theirs).collect()
            }
        }
    }
}

impl<'a> Neighbours<'a> {
    /// `None` if anyone may be concerned: a container without an index may get any slot, one whose index is outside
    /// of the pool may make that grow, and one without identity cannot be told from another one.
    fn of(changes: &'a [Change], bonds: &'a Bonds, pool_size: u16) -> Option<Self> {
        if !bonds.all_have_an_index() {
            return None;
        }
        let mut neighbours = Self::default();
        let mut by_age = BTreeMap::new();
        let mut to_follow = Vec::new();
        let mut followed = FxHashSet::default();
        for container in changes.iter().flat_map(|change| [&change.was, &change.is]).flatten() {
            neighbours.add(container, pool_size)?;
            to_follow.extend(Bond::of(container));
        }
        while let Some(bond) = to_follow.pop() {
            if !followed.insert(bond) {
                continue;
            }
            for container in bonds.who_share(bond) {
                neighbours.add(container, pool_size)?;
                to_follow.extend(Bond::of(container));
                by_age.insert((container.create_index, &*container.uuid), container.as_ref());
            }
        }
        Some(Self { containers: by_age.into_values().collect(), ..neighbours })
    }

    fn add(&mut self, container: &'a Container, pool_size: u16) -> Option<()> {
        if container.uuid.is_empty() {
            return None;
        }
        self.slots.insert(slot_of(container.index, pool_size)?);
        self.addresses.extend(own_address(container));
        self.uuids.insert(&container.uuid);
        Some(())
    }

    fn theirs(&self, all: &Assignments) -> Assignments {
        let slots = self.slots.iter().filter_map(|slot| Some((*slot, all.slots.get(slot)?.clone())));
        let tombstones =
            self.slots.iter().filter_map(|slot| Some((*slot, all.tombstones.get(slot)?.clone())));
        Assignments { slots: slots.collect(), tombstones: tombstones.collect(), ..Assignments::default() }
    }

    fn put_back(&self, theirs: Assignments, mut all: Assignments, now: Duration) -> Assignments {
        let Assignments { slots, tombstones, unmapped, hold: _, challengers } = theirs;
        for slot in &self.slots {
            match slots.get(slot) {
                Some(occupant) => all.slots.insert(*slot, occupant.clone()),
                None => all.slots.remove(slot),
            };
        }
        all.tombstones.retain(|slot, tombstone| tombstone.until > now && !self.slots.contains(slot));
        all.tombstones.extend(tombstones);
        all.unmapped.retain(|uuid, _| !self.uuids.contains(&**uuid));
        all.unmapped.extend(unmapped);
        all.challengers.retain(|(uuid, _)| !self.uuids.contains(&**uuid));
        all.challengers.extend(challengers);
        all
    }
}
