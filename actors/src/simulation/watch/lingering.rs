//! What must be true of containers that are missing.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    super::{instance::Instance, setup::BASE_PORT, world::World},
    Watch,
};
use crate::{allocation::MappingPlan, domain::Assignment};

/// How long stalls may take to notice that a container is no longer at its address: one that closes idle connections
/// is asked each 10 s, and a connection that nothing acknowledges is given 3 s.
const NOTICED: Duration = Duration::from_secs(14);
/// The age up to which a document proves that its containers were there a moment ago.
const PROOF: Duration = Duration::from_secs(29);
/// What the documents and the plans may take on their way.
const UNDER_WAY: Duration = Duration::from_secs(6);

impl Watch {
    /// The slots whose containers linger.
    pub(super) fn lingering(&self) -> impl Iterator<Item = (u16, &Assignment)> {
        let mappings = self.life.plan.iter().flat_map(|(plan, _)| &plan.mappings);
        mappings.flat_map(|mapping| mapping.lingering.iter().map(|slot| (*slot, &mapping.slots[slot])))
    }

    /// Whether the container at this address is missing and has a slot, or claims the slot of one that is missing.
    pub(super) fn concerns_missing(&self, address: SocketAddr) -> bool {
        let documents = self.life.documents.iter().rev().take(2);
        documents.into_iter().any(|document| {
            let told = |uuid: &str| document.iter().find(|c| c.uuid() == uuid);
            let is_missing = |uuid: &str| told(uuid).map_or(!self.absence_is_proof, |c| c.address.is_none());
            let claimed = document.iter().filter(|c| c.is_at(address)).filter_map(|c| c.index);
            let claimed: BTreeSet<_> = claimed.map(|index| index - 1).collect();
            let mappings = self.life.plan.iter().flat_map(|(plan, _)| &plan.mappings);
            let mut missing = mappings.flat_map(|m| &m.slots).filter(|(_, a)| is_missing(&a.uuid));
            missing.any(|(slot, a)| a.backend == address || claimed.contains(&u64::from(*slot)))
        })
    }

    /// Whether a slot may keep a container that is missing: it is there, or was a moment ago.
    pub(in super::super) fn may_linger(&self, slot: u16, world: &World, now: Duration) -> bool {
        self.lingering().any(|(its, assignment)| its == slot && self.is_there(assignment, world, now))
    }

    /// No container lingers for longer than it is there.
    pub(super) fn linger_for_a_reason(&self, world: &World, now: Duration) -> Result<(), String> {
        match self.lingering().find(|(_, assignment)| !self.is_there(assignment, world, now)) {
            Some((slot, assignment)) => {
                Err(format!("{} lingers on slot {slot} and has gone from its address", assignment.uuid))
            }
            None => Ok(()),
        }
    }

    /// Counts how often a port leads to another container than its own, because that one lingers.
    pub(super) fn note_strangers(&mut self, port: u16, landings: &[SocketAddr], world: &World) {
        let lingering = self.lingering().find(|(slot, _)| BASE_PORT + slot == port);
        let Some((_, assignment)) = lingering else { return };
        let is_there = landings.contains(&assignment.backend);
        if is_there && self.is_stranger(assignment, world) {
            let stranger = world.there(assignment.backend).0.unwrap_or_default();
            self.strangers.insert((port, stranger));
        }
    }

    /// Whether another container is where this one was.
    fn is_stranger(&self, assignment: &Assignment, world: &World) -> bool {
        world.there(assignment.backend).0.is_some_and(|uuid| uuid != *assignment.uuid)
    }

    /// Notes which containers linger from now on, and for how long others have.
    pub(super) fn note_lingering(&mut self, now: Duration) {
        let lingering: BTreeSet<_> = self.lingering().map(|(_, a)| Arc::clone(&a.uuid)).collect();
        for (uuid, since) in self.life.lingers_since.extract_if(.., |uuid, _| !lingering.contains(uuid)) {
            *self.lingered.entry(uuid).or_default() += now - since;
        }
        for uuid in lingering {
            self.life.lingers_since.entry(uuid).or_insert(now);
        }
    }

    /// None of them lingers any more: stalls has ended.
    pub(super) fn end_lingering(&mut self, now: Duration) {
        for (uuid, since) in std::mem::take(&mut self.life.lingers_since) {
            *self.lingered.entry(uuid).or_default() += now - since;
        }
    }

    fn is_there(&self, assignment: &Assignment, world: &World, now: Duration) -> bool {
        let (there, since) = world.there(assignment.backend);
        let begun = self.life.lingers_since.get(&assignment.uuid).copied().unwrap_or_default();
        // What had its address before it was connected to is taken for it, or is it, after a restart: between two
        // connections to a container that closes them there are up to 10 s.
        let connected = self.life.reached.get(&assignment.backend).copied().unwrap_or_default();
        if since <= connected && there.is_some() {
            return begun + self.linger >= now;
        }
        now < since.max(begun) + NOTICED || listens(assignment, world, now.saturating_sub(NOTICED))
    }

    /// A container that is missing and is there does not lose its slot, but to another one or after a long time.
    pub(super) fn frees_for_a_reason(
        &self,
        before: &MappingPlan,
        after: &MappingPlan,
        world: &World,
        now: Duration,
    ) -> Result<(), String> {
        let Some(newest) = self.life.documents.last() else { return Ok(()) };
        let is_followed = self.life.source_failed_at.is_none_or(|at| at + PROOF + UNDER_WAY < now);
        if self.linger.is_zero() || self.life.proof_age > PROOF || !is_followed {
            return Ok(());
        }
        for (slot, old) in before.slots.iter().filter(|(slot, _)| !after.slots.contains_key(slot)) {
            let told = newest.iter().find(|c| c.uuid() == *old.uuid);
            let has_lost_address =
                |c: &Instance| c.address.is_none() && c.is_alive() && c.state != "stopping";
            let is_missing = told.map_or(!self.absence_is_proof, has_lost_address);
            let lingered = self.lingered.get(&old.uuid).copied().unwrap_or_default();
            let lingers = self.life.lingers_since.get(&old.uuid).map_or(Duration::ZERO, |since| now - *since);
            let is_over = lingered + lingers + UNDER_WAY >= self.linger;
            let is_taken = newest.iter().any(|c| c.is_alive() && c.is_at(old.backend))
                || after.slots.values().any(|other| other.uuid == old.uuid);
            if is_missing
                && !is_over
                && !is_taken
                && listens(old, world, now.saturating_sub(UNDER_WAY))
                && self.life.documents.len() > 1
            {
                return Err(format!("slot {slot} is freed, and {} is still there", old.uuid));
            }
        }
        Ok(())
    }
}

/// Whether a container accepts connections at its address, and did so at `before`.
fn listens(assignment: &Assignment, world: &World, before: Duration) -> bool {
    let (there, since) = world.there(assignment.backend);
    let is_it = |c: &&Instance| c.uuid() == *assignment.uuid;
    let listens_since = world.containers().iter().find(is_it).and_then(Instance::listens_since);
    there.as_deref() == Some(&*assignment.uuid)
        && listens_since.is_some_and(|listens| listens.max(since) <= before)
}
