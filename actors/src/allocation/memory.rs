//! What of the allocation outlives a restart: from the assignments to the state that is saved, and back. Pure.

use std::{collections::BTreeMap, iter::zip, num::NonZeroU16, sync::Arc, time::Duration};

use super::{
    AllocatorSettings, MappingPlan, Plan,
    assign::{Assignments, Reservation},
    linger::Absences,
    size,
};
use crate::{
    domain::{Assignment, BackendPort, Mapping},
    state::{SavedContainer, SavedLingering, SavedMapping, SavedReservation, SavedState},
};

/// What belongs to a mapping and is not part of its plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Leftovers {
    /// The free slots that are reserved.
    pub(super) reservations: BTreeMap<u16, Reservation>,
    /// The slots whose containers linger, and until when.
    pub(super) lingering: BTreeMap<u16, Duration>,
}

/// A pool's size and assignments as they were saved, on a clock that starts now; `None` if this mapping was not saved.
/// What the settings no longer have room for, or no longer allow, is dropped. Containers that lingered have no slot,
/// since nothing shows that they are still there; their slots are reserved for them.
pub(super) fn restored(
    mapping: &Mapping,
    state: &SavedState,
    settings: &AllocatorSettings,
) -> Option<(u16, Assignments, Absences)> {
    let is_same = |saved: &&SavedMapping| {
        saved.service == mapping.service && saved.backend_port == mapping.backend_port
    };
    let saved = state.mappings.iter().find(is_same)?;
    let size = size::initial(mapping, Some(saved.pool_size));
    let is_allowed = |it: &SavedContainer| settings.allow_loopback || !it.address.is_loopback();
    let slots = saved.slots.iter().filter(|(slot, saved)| **slot < size && is_allowed(saved));
    let reservation = |uuid: &str, left_ms: u64| Reservation {
        uuid: uuid.into(),
        until: Duration::from_millis(left_ms).min(settings.port_reuse_delay),
    };
    let reserved =
        saved.reservations.iter().map(|(slot, saved)| (*slot, reservation(&saved.uuid, saved.left_ms)));
    let lingered =
        saved.lingering.iter().map(|(slot, saved)| (*slot, reservation(&saved.container.uuid, u64::MAX)));
    let assignments = Assignments {
        slots: slots.filter_map(|(slot, saved)| Some((*slot, read(saved, &mapping.backend_port)?))).collect(),
        reservations: reserved.chain(lingered).filter(|(slot, _)| *slot < size).collect(),
        ..Assignments::default()
    };
    let lost = saved.lingering.values().filter_map(|SavedLingering { container, left_ms }| {
        let left = Duration::from_millis(*left_ms).min(settings.linger);
        let Assignment { uuid, backend, .. } = read(container, &mapping.backend_port)?;
        Some((uuid, backend, left))
    });
    Some((size, assignments, Absences::restored(lost)))
}

/// The state to save for a plan, and for what is left of its mappings.
pub(super) fn to_save(plan: &Plan, leftovers: &[Leftovers], now: Duration) -> SavedState {
    let mappings =
        zip(&plan.mappings, leftovers).map(|(plan, leftovers)| saved_mapping(plan, leftovers, now));
    SavedState { revision: plan.revision, mappings: mappings.collect() }
}

fn saved_mapping(
    MappingPlan { mapping, pool_size, slots, .. }: &MappingPlan,
    Leftovers { reservations, lingering }: &Leftovers,
    now: Duration,
) -> SavedMapping {
    let left_ms = |until: Duration| until.saturating_sub(now).as_millis() as u64;
    let reservations = reservations.iter().map(|(slot, Reservation { uuid, until })| {
        (*slot, SavedReservation { uuid: uuid.to_string(), left_ms: left_ms(*until) })
    });
    let lingering = lingering.iter().filter_map(|(slot, until)| {
        let container = written(slots.get(slot)?, &mapping.backend_port);
        Some((*slot, SavedLingering { container, left_ms: left_ms(*until) }))
    });
    let lingering: BTreeMap<_, _> = lingering.collect();
    let listed = slots.iter().filter(|(slot, _)| !lingering.contains_key(slot));
    SavedMapping {
        service: mapping.service.clone(),
        backend_port: mapping.backend_port.clone(),
        pool_size: *pool_size,
        slots: listed.map(|(slot, assignment)| (*slot, written(assignment, &mapping.backend_port))).collect(),
        reservations: reservations.collect(),
        lingering,
    }
}

/// `None` if nothing says which port it had, as in no state that stalls has saved.
fn read(
    SavedContainer { uuid, name, address, port }: &SavedContainer,
    backend_port: &BackendPort,
) -> Option<Assignment> {
    let port = port.or(backend_port.number())?;
    let backend = (*address, port.get()).into();
    Some(Assignment { uuid: Arc::clone(uuid), name: Arc::clone(name), backend })
}

/// A port that is the mapping's is not written, as in the files of versions that knew no other.
fn written(Assignment { uuid, name, backend }: &Assignment, backend_port: &BackendPort) -> SavedContainer {
    let port = NonZeroU16::new(backend.port()).filter(|port| Some(*port) != backend_port.number());
    SavedContainer { uuid: Arc::clone(uuid), name: Arc::clone(name), address: backend.ip(), port }
}
