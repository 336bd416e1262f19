//! What must be true of plans.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    super::{
        wanted::{at, may_take_over},
        world::Instance,
    },
    Watch,
};
use crate::allocation::{MappingPlan, Plan};
use crate::domain::Assignment;

impl Watch {
    pub(super) fn plan(&mut self, plan: &Arc<Plan>, now: Duration) -> Result<(), String> {
        if plan.revision <= self.newest_revision {
            return Err(format!("revision {} follows {}", plan.revision, self.newest_revision));
        }
        self.newest_revision = plan.revision;
        let documents = self.life.documents.len();
        // If both come at the same moment it is not known whether the plan or the document was first.
        let is_told_now = self.life.document_at == Some(now);
        let before = self.life.plan.replace((Arc::clone(plan), documents));
        for (position, mapping) in plan.mappings.iter().enumerate() {
            let uuids: BTreeSet<_> = mapping.slots.values().map(|assignment| &assignment.uuid).collect();
            if uuids.len() != mapping.slots.len() {
                return Err(format!("a container has two slots: {:?}", mapping.slots));
            }
            let before = before.as_ref().map(|(plan, documents)| (&plan.mappings[position], *documents));
            if let Some((before, documents_before)) = before {
                let is_told = is_told_now || documents_before < documents;
                // The document that a plan was made of may have been told a while before it.
                let told = &self.life.documents[documents_before.saturating_sub(1)..];
                self.follows(before, mapping, is_told, now)?;
                self.takes_over_in_order(before, mapping, told, now)?;
                self.frees_in_time(before, mapping, now)?;
                let freed = before.slots.keys().filter(|slot| !mapping.slots.contains_key(slot));
                self.freed.extend(freed.map(|slot| (*slot, now)));
            }
            let is_held = !mapping.held.is_empty();
            self.life.held_since = is_held.then(|| self.life.held_since.unwrap_or(now));
        }
        self.life.planned_at = now;
        Ok(())
    }

    /// Of two with one index the older one keeps the slot until the newer one is ready.
    fn takes_over_in_order(
        &self,
        before: &MappingPlan,
        after: &MappingPlan,
        told: &[Vec<Instance>],
        now: Duration,
    ) -> Result<(), String> {
        let unsteady = self.unsteady(now);
        for (slot, old) in before.slots.iter() {
            let Some(new) = after.slots.get(slot).filter(|new| new.uuid != old.uuid) else { continue };
            let is_doubtful = [old, new].iter().any(|assignment| unsteady.contains_key(&*assignment.uuid));
            let is_reached = self.life.reached.get(&at(new.address)) == Some(&now);
            let is_fine = |document: &Vec<Instance>| may_take_over(document, &old.uuid, &new.uuid);
            if !is_doubtful && !is_reached && !told.iter().any(is_fine) {
                return Err(format!(
                    "{} takes slot {slot} over from {} and is not ready",
                    new.uuid, old.uuid
                ));
            }
        }
        Ok(())
    }

    /// Most ports are not freed at once, unless that has been wanted for a while.
    fn frees_in_time(&self, before: &MappingPlan, after: &MappingPlan, now: Duration) -> Result<(), String> {
        let placed: BTreeSet<_> = after.slots.values().map(|assignment| &assignment.uuid).collect();
        let gone: Vec<_> = before
            .slots
            .iter()
            .filter(|(slot, assignment)| {
                !after.slots.contains_key(slot) && !placed.contains(&assignment.uuid)
            })
            .collect();
        let mapped = before.slots.len();
        let are_most = gone.len() == mapped || (mapped >= 4 && 2 * gone.len() > mapped);
        let is_due = self.life.held_since.is_some_and(|since| now >= since + self.mass_removal_hold);
        let Some(newest) = self.life.documents.last() else { return Ok(()) };
        let leads_there_too =
            |assignment: &Assignment| after.slots.values().any(|o| o.address == assignment.address);
        let is_explained =
            |assignment: &Assignment| is_taken_by_another(assignment, newest) || leads_there_too(assignment);
        let unexplained = gone.iter().find(|(_, assignment)| !is_explained(assignment));
        match unexplained {
            Some((slot, _)) if are_most && !is_due && !self.mass_removal_hold.is_zero() => {
                Err(format!("slot {slot} and most others are freed at once, {} of {mapped}", gone.len()))
            }
            _ => Ok(()),
        }
    }

    /// Whether stalls may probe this address: it belongs to a container that runs, has no health
    /// check and is not alone in claiming its slot.
    pub(super) fn may_be_probed(&self, address: SocketAddr, now: Duration) -> bool {
        let unsteady = self.unsteady(now);
        let claims = |document: &Vec<Instance>| {
            document.iter().any(|c| {
                c.address.map(|its| at(its.into())) == Some(address)
                    && document.iter().any(|other| other.index == c.index && other.age() < c.age())
            })
        };
        let is_doubtful = unsteady.values().flatten().any(|its| at((*its).into()) == address);
        is_doubtful || self.life.documents.iter().rev().take(2).any(claims)
    }

    /// Whether a plan may follow another.
    fn follows(
        &self,
        before: &MappingPlan,
        after: &MappingPlan,
        is_told: bool,
        now: Duration,
    ) -> Result<(), String> {
        let newest = self.history.last();
        // A change that was postponed may be due.
        let is_due = self.life.reached.values().any(|at| *at == now)
            || !before.held.is_empty()
            || newest.is_some_and(|wanted| wanted.has_unsteady);
        if after.pool_size < before.pool_size {
            return Err(format!("the pool shrinks from {} to {}", before.pool_size, after.pool_size));
        }
        for (slot, assignment) in before.slots.iter() {
            let stays = after.slots.get(slot).is_some_and(|after| after.uuid == assignment.uuid);
            let server = at(assignment.address);
            if !stays && !is_told && !is_due {
                return Err(format!("{} loses slot {slot}, and no document says so", assignment.uuid));
            }
            // A container without an index keeps its slot if no index claims that.
            let may_stay =
                newest.is_some_and(|w| !w.claimed.contains_key(slot) && w.anywhere.contains(&server));
            let is_elsewhere = after.slots.iter().any(|(_, other)| other.uuid == assignment.uuid);
            if !stays && may_stay && is_elsewhere {
                return Err(format!("{} moves away from slot {slot}", assignment.uuid));
            }
        }
        Ok(())
    }
}

/// Whether another container is reached at the address of this one.
pub(super) fn is_taken_by_another(assignment: &Assignment, containers: &[Instance]) -> bool {
    let is_there = |c: &&Instance| c.is_alive() && c.address.map(Into::into) == Some(assignment.address);
    containers.iter().filter(is_there).max_by_key(|c| c.age()).is_some_and(|c| c.uuid() != *assignment.uuid)
}
