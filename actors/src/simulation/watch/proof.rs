//! What must be true where a document is proof: what it does not have is gone.

use std::time::Duration;

use super::Watch;

impl Watch {
    /// A container that is missing has no port from the same moment on, whether or not it is still there.
    pub(super) fn absence_is_final(&self, now: Duration) -> Result<(), String> {
        let (Some(document), Some((plan, _))) = (self.life.documents.last(), &self.life.plan) else {
            return Ok(());
        };
        // A plan of this moment may be one of the document before.
        if !self.absence_is_proof || self.life.document_at == Some(now) {
            return Ok(());
        }
        let is_gone = |uuid: &str| document.iter().all(|container| container.uuid() != uuid);
        let mut slots = plan.mappings.iter().flat_map(|mapping| &mapping.slots);
        match slots.find(|(_, assignment)| is_gone(&assignment.uuid)) {
            Some((slot, gone)) => {
                Err(format!("{} has slot {slot}, and the list does not have it", gone.uuid))
            }
            None => Ok(()),
        }
    }
}
