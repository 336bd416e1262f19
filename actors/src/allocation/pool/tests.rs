//! How large a pool is, and what of a saved state is still of use.

use std::num::NonZeroU16;

use super::*;
use crate::{
    allocation::{Occupant, Unmapped},
    metadata::{Container, PublishedPorts},
    testing::{container, mapping, ms, service, web},
};

fn settings(mapping: Mapping) -> AllocatorSettings {
    AllocatorSettings { mappings: vec![mapping], allow_loopback: false, tombstone: ms(60_000) }
}

fn sized(base_port: u16, port_count: Option<u16>) -> Mapping {
    Mapping { port_count: port_count.and_then(NonZeroU16::new), ..mapping(&web(), base_port) }
}

fn planned(mapping: Mapping, state: &SavedState, containers: &[Container], published: &[u16]) -> MappingPlan {
    let published = PublishedPorts(published.iter().copied().collect());
    let snapshot = Arc::new(Snapshot { containers: containers.to_vec(), published });
    let snapshots = [(mapping.service.clone(), snapshot)].into();
    plan_once(&settings(mapping), state, &snapshots).mappings.remove(0)
}

/// `u` on the third slot, the fourth kept for `gone`.
fn saved() -> SavedState {
    let occupant = Occupant { uuid: "u".into(), name: "app-u".into(), address: "10.42.0.9".parse().unwrap() };
    let tombstone = SavedTombstone { uuid: "gone".into(), left_ms: 3_600_000 };
    let mapping = SavedMapping {
        service: web(),
        backend_port: 8080,
        pool_size: 4,
        slots: [(2, occupant)].into(),
        tombstones: [(3, tombstone)].into(),
    };
    SavedState { revision: 7, mappings: vec![mapping] }
}

#[test]
fn the_settings_size_the_pool_before_what_is_published_before_the_default() {
    let size = |port_count, published| {
        planned(sized(5000, port_count), &SavedState::default(), &[], published).pool_size
    };
    assert_eq!(size(Some(8), &[5000, 5001]), 8);
    assert_eq!(size(None, &[5000, 5001]), 2);
    assert_eq!(size(None, &[5001]), DEFAULT_PORT_COUNT);
}

#[test]
fn a_remembered_size_outlasts_a_moment_in_which_nothing_is_known_to_be_published() {
    assert_eq!(planned(sized(5000, None), &saved(), &[], &[]).pool_size, 4);
    assert_eq!(planned(sized(5000, None), &saved(), &[], &[5000, 5001]).pool_size, 2);
}

#[test]
fn no_pool_runs_past_the_last_port() {
    let size = |base_port, port_count| {
        planned(sized(base_port, port_count), &SavedState::default(), &[], &[]).pool_size
    };
    assert_eq!(size(65_535, None), 1);
    assert_eq!(size(65_500, None), 36);
    assert_eq!(size(1, Some(65_535)), 65_535);
    let last = container("c", 1, Some(37));
    let plan = planned(sized(65_500, None), &SavedState::default(), &[last], &[]);
    assert_eq!(plan.unmapped["c"], Unmapped::OutsidePool { index: 37, pool_size: 36, room: 36 });
}

#[test]
fn without_a_snapshot_the_saved_plan_stands() {
    let plan = plan_once(&settings(sized(5000, None)), &saved(), &BTreeMap::new());
    assert_eq!(plan.revision, 8);
    assert_eq!(plan.mappings[0].pool_size, 4);
    assert_eq!(plan.mappings[0].slots, saved().mappings[0].slots);
}

#[test]
fn a_smaller_pool_forgets_what_stood_outside_of_it() {
    let restored = Pool::restore(&sized(5000, Some(2)), &saved(), &settings(sized(5000, Some(2))));
    assert!(restored.is_empty());
    assert_eq!(restored.to_save(ms(0)).tombstones, [].into());
}

#[test]
fn what_was_saved_of_another_service_or_backend_port_is_not_ours() {
    let other_port = Mapping { backend_port: NonZeroU16::MIN, ..sized(5000, None) };
    let other_service = Mapping { service: service("db"), ..sized(5000, None) };
    for mapping in [other_port, other_service] {
        assert!(Pool::restore(&mapping, &saved(), &settings(mapping.clone())).is_empty());
    }
    assert!(!Pool::restore(&sized(5000, None), &saved(), &settings(sized(5000, None))).is_empty());
}

#[test]
fn a_tombstone_lasts_no_longer_than_the_settings_now_say() {
    let restored = Pool::restore(&sized(5000, None), &saved(), &settings(sized(5000, None)));
    assert_eq!(restored.to_save(ms(0)).tombstones[&3].left_ms, 60_000);
    assert_eq!(restored.to_save(ms(20_000)).tombstones[&3].left_ms, 40_000);
}

#[test]
fn a_loopback_address_that_is_no_longer_allowed_is_not_served_from_memory() {
    let mut state = saved();
    state.mappings[0].slots.get_mut(&2).unwrap().address = "127.0.0.9".parse().unwrap();
    let mapping = sized(5000, None);
    let served = |allow_loopback| {
        let settings = AllocatorSettings { allow_loopback, ..settings(mapping.clone()) };
        Pool::restore(&mapping, &state, &settings).plan().slots.len()
    };
    assert_eq!((served(true), served(false)), (1, 0));
}
