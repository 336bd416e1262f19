//! What is reported of a pool, and how a person ends what holds one of its ports.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Pool;
use crate::{
    allocation::{AllocatorSettings, Hold, NothingMapped},
    domain::Reason,
    messages::{Held, PoolReport},
};

impl Pool {
    /// What is known beside the plan, on a clock that began at `started`.
    pub(in crate::allocation) fn report(&self, settings: &AllocatorSettings, started: Instant) -> PoolReport {
        let held = |(by, slot, uuid, (since, until)): (Hold, u16, Arc<str>, (Option<Duration>, Duration))| {
            let since = since.map(|since| started + since);
            let at_most = match by {
                Hold::Lingering => settings.linger,
                Hold::Reserved => settings.port_reuse_delay,
                Hold::Frozen => Duration::ZERO,
            };
            (self.port(slot), Held { by, since, until: started + until, uuid, at_most })
        };
        let nothing_mapped = self.nothing_mapped();
        PoolReport {
            service: self.service().clone(),
            snapshot: self.snapshot.clone(),
            nothing_mapped: nothing_mapped.map(|NothingMapped { kind, reason }| Reason::new(kind, reason)),
            held: self.holds(settings).map(held).collect(),
        }
    }

    /// What holds which slot for which container, since when and until when at most. What comes later counts.
    fn holds(
        &self,
        settings: &AllocatorSettings,
    ) -> impl Iterator<Item = (Hold, u16, Arc<str>, (Option<Duration>, Duration))> {
        let reserved = self.assignments.reservations.iter().map(|(slot, reservation)| {
            let since = reservation.until.checked_sub(settings.port_reuse_delay);
            (Hold::Reserved, *slot, Arc::clone(&reservation.uuid), (since, reservation.until))
        });
        let frozen = self.assignments.slots.iter().filter_map(|(slot, assignment)| {
            let damped = self.damper.damped(&assignment.uuid)?;
            Some((Hold::Frozen, *slot, Arc::clone(&assignment.uuid), (None, damped.until())))
        });
        let lingering = self.absences.lingering().map(|lingering| {
            let since = Some(lingering.since());
            (Hold::Lingering, lingering.slot, lingering.uuid(), (since, lingering.until))
        });
        reserved.chain(frozen).chain(lingering)
    }

    /// What holds this port.
    pub(in crate::allocation) fn hold(&self, port: u16, settings: &AllocatorSettings) -> Option<Hold> {
        self.last_hold(port, settings).map(|(hold, ..)| hold)
    }

    /// Ends what holds this port, if anything does. The next decision shows the effect.
    pub(in crate::allocation) fn release(&mut self, port: u16, settings: &AllocatorSettings, now: Duration) {
        match self.last_hold(port, settings) {
            Some((Hold::Lingering, _, uuid)) => self.absences.release(&uuid, now),
            Some((Hold::Reserved, slot, _)) => drop(self.assignments.reservations.remove(&slot)),
            Some((Hold::Frozen, _, uuid)) => self.damper.release(&uuid),
            None => {}
        }
    }

    fn last_hold(&self, port: u16, settings: &AllocatorSettings) -> Option<(Hold, u16, Arc<str>)> {
        let slot = port.checked_sub(self.mapping.base_port.get())?;
        let hold = self.holds(settings).filter(|(_, of, ..)| *of == slot).last();
        hold.map(|(hold, slot, uuid, _)| (hold, slot, uuid))
    }
}
