//! What of the allocation outlives a restart: from the assignments to the state that is saved, and back. Pure.

use std::{collections::BTreeMap, iter::zip, net::IpAddr, time::Duration};

use super::{
    AllocatorSettings, MappingPlan, Plan,
    assign::{Assignments, Reservation},
    size,
};
use crate::{
    domain::Mapping,
    state::{SavedMapping, SavedReservation, SavedState},
};

/// A pool's size and assignments as they were saved, on a clock that starts now; `None` if this mapping was not saved.
/// What the settings no longer have room for, or no longer allow, is dropped.
pub(super) fn restored(
    mapping: &Mapping,
    state: &SavedState,
    settings: &AllocatorSettings,
) -> Option<(u16, Assignments)> {
    let is_same = |saved: &&SavedMapping| {
        saved.service == mapping.service && saved.backend_port == mapping.backend_port.get()
    };
    let saved = state.mappings.iter().find(is_same)?;
    let size = size::initial(mapping, Some(saved.pool_size));
    let is_allowed = |address: IpAddr| settings.allow_loopback || !address.is_loopback();
    let slots = saved.slots.iter().filter(|(slot, saved)| **slot < size && is_allowed(saved.address));
    let reservation = |saved: &SavedReservation| Reservation {
        uuid: saved.uuid.as_str().into(),
        until: Duration::from_millis(saved.left_ms).min(settings.port_reuse_delay),
    };
    let reservations = saved.reservations.iter().filter(|(slot, _)| **slot < size);
    let assignments = Assignments {
        slots: slots.map(|(slot, saved)| (*slot, saved.clone())).collect(),
        reservations: reservations.map(|(slot, saved)| (*slot, reservation(saved))).collect(),
        ..Assignments::default()
    };
    Some((size, assignments))
}

/// The state to save for a plan, and for the reservations that belong to its mappings.
pub(super) fn to_save(plan: &Plan, reservations: &[BTreeMap<u16, Reservation>], now: Duration) -> SavedState {
    let mappings =
        zip(&plan.mappings, reservations).map(|(plan, reserved)| saved_mapping(plan, reserved, now));
    SavedState { revision: plan.revision, mappings: mappings.collect() }
}

fn saved_mapping(
    MappingPlan { mapping, pool_size, slots, .. }: &MappingPlan,
    reservations: &BTreeMap<u16, Reservation>,
    now: Duration,
) -> SavedMapping {
    let reservations = reservations.iter().map(|(slot, reservation)| {
        let left_ms = reservation.until.saturating_sub(now).as_millis() as u64;
        (*slot, SavedReservation { uuid: reservation.uuid.to_string(), left_ms })
    });
    SavedMapping {
        service: mapping.service.clone(),
        backend_port: mapping.backend_port.get(),
        pool_size: *pool_size,
        slots: slots.clone(),
        reservations: reservations.collect(),
    }
}
