//! What must be true of plans.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    super::{instance::Instance, wanted::may_take_over, world::World},
    Watch,
};
use crate::allocation::{MappingPlan, Plan};

impl Watch {
    pub(super) fn plan(&mut self, plan: &Arc<Plan>, world: &World, now: Duration) -> Result<(), String> {
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
                self.frees_for_a_reason(before, mapping, world, now)?;
                let freed = before.slots.keys().filter(|slot| !mapping.slots.contains_key(slot));
                self.freed.extend(freed.map(|slot| (*slot, now)));
            }
        }
        self.absence_is_final(now)?;
        self.note_lingering(now);
        self.want_lingering();
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
            let is_reached = self.life.reached.get(&new.backend) == Some(&now);
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

    /// Whether stalls may probe this address: it belongs to a container that is not alone in claiming its slot, or to
    /// one that has a slot and is missing.
    pub(super) fn may_be_probed(&self, address: SocketAddr, now: Duration) -> bool {
        let unsteady = self.unsteady(now);
        let claims = |document: &Vec<Instance>| {
            document.iter().any(|c| {
                c.is_at(address)
                    && document.iter().any(|other| other.index == c.index && other.age() < c.age())
            })
        };
        let is_doubtful = unsteady.values().flatten().any(|its| *its == address);
        is_doubtful || self.concerns_missing(address) || self.life.documents.iter().rev().take(2).any(claims)
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
            || !before.lingering.is_empty()
            || newest.is_some_and(|wanted| wanted.has_unsteady);
        if after.pool_size < before.pool_size {
            return Err(format!("the pool shrinks from {} to {}", before.pool_size, after.pool_size));
        }
        for (slot, assignment) in before.slots.iter() {
            let stays = after.slots.get(slot).is_some_and(|after| after.uuid == assignment.uuid);
            let server = assignment.backend;
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
