//! How large a pool is, and what of a saved state is still of use.

mod growth;
mod named_port;

use std::{collections::BTreeMap, num::NonZeroU16};

use super::*;
use crate::{
    allocation::{
        ListenAddresses, Plan, Unmapped,
        memory::{Leftovers, to_save},
        plan_once,
    },
    domain::{Container, DEFAULT_PORT_COUNT, PublishedPorts},
    state::{SavedMapping, SavedReservation},
    testing::{BACKEND_PORT, container, mapping, ms, saved_container, service, snapshot, web},
};

const MAX_PORTS: u16 = 200;

fn pool(mapping: Mapping) -> PoolSettings {
    PoolSettings { mapping, max_ports: MAX_PORTS, room: u16::MAX }
}

fn settings(mapping: Mapping) -> AllocatorSettings {
    AllocatorSettings {
        pools: vec![pool(mapping)],
        listen: ListenAddresses::default(),
        allow_loopback: false,
        port_reuse_delay: ms(60_000),
        linger: ms(0),
    }
}

/// What is left of `saved` when stalls starts with this mapping.
fn restored(mapping: Mapping, state: &SavedState) -> Pool {
    Pool::restore(&pool(mapping.clone()), state, &settings(mapping))
}

fn sized(base_port: u16, port_count: Option<u16>) -> Mapping {
    Mapping { port_count: port_count.and_then(NonZeroU16::new), ..mapping(&web(), base_port) }
}

fn planned(mapping: Mapping, state: &SavedState, containers: &[Container], published: &[u16]) -> MappingPlan {
    let published = PublishedPorts(published.iter().map(|port| *port..=*port).collect());
    let snapshot = Arc::new(snapshot(containers.to_vec(), published));
    let snapshots = [(mapping.service.clone(), snapshot)].into();
    plan_once(&settings(mapping), state, &snapshots).mappings.remove(0)
}

/// `u` on the third slot, the fourth reserved for `gone`.
fn saved() -> SavedState {
    let container = saved_container("u", "10.42.0.9");
    let reservation = SavedReservation { uuid: "gone".into(), left_ms: 3_600_000 };
    let mapping = SavedMapping {
        service: web(),
        backend_port: BACKEND_PORT.into(),
        pool_size: 4,
        slots: [(2, container)].into(),
        reservations: [(3, reservation)].into(),
        lingering: [].into(),
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
fn a_saved_size_holds_unless_more_is_published_or_needed() {
    let size = |containers: &[Container], published: &[u16]| {
        planned(sized(5000, None), &saved(), containers, published).pool_size
    };
    assert_eq!(size(&[], &[]), 4, "what is published may be unknown for a moment");
    assert_eq!(size(&[], &[5000, 5001]), 4);
    assert_eq!(size(&[], &[5000, 5001, 5002, 5003, 5004]), 5);
    assert_eq!(size(&[container("c", 1, Some(5))], &[]), 20);
    assert_eq!(planned(sized(5000, Some(3)), &saved(), &[], &[]).pool_size, 3, "PORT_COUNT decides");
}

#[test]
fn a_pool_grows_when_an_index_is_beyond_it_and_nothing_else_has_said_its_size() {
    let plan = |port_count, published, index| {
        let containers = [container("c", 1, Some(index))];
        planned(sized(5000, port_count), &SavedState::default(), &containers, published)
    };
    assert_eq!(plan(None, &[], 65).pool_size, 80);
    assert_eq!(plan(None, &[], 65).slots[&64].uuid, "c".into());
    assert_eq!(plan(None, &[5000, 5001], 3).pool_size, 18);
    let fixed = plan(Some(8), &[], 9);
    assert_eq!((fixed.pool_size, fixed.unmapped["c"].kind()), (8, "outside_pool"));
}

#[test]
fn a_pool_grows_no_further_than_it_may_and_not_at_all_for_what_is_beyond_that() {
    let plan =
        |index| planned(sized(5000, None), &SavedState::default(), &[container("c", 1, Some(index))], &[]);
    assert_eq!(plan(199).pool_size, MAX_PORTS);
    assert_eq!(plan(200).slots[&199].uuid, "c".into());
    let beyond = plan(201);
    assert_eq!((beyond.pool_size, beyond.unmapped["c"].kind()), (DEFAULT_PORT_COUNT, "outside_pool"));
    // What is published is the operator's word.
    let published: Vec<_> = (5000..5300).collect();
    let plan =
        planned(sized(5000, None), &SavedState::default(), &[container("c", 1, Some(301))], &published);
    assert_eq!((plan.pool_size, plan.unmapped["c"].kind()), (300, "outside_pool"));
}

#[test]
fn a_container_that_only_waits_for_a_reservation_does_not_make_the_pool_grow() {
    let mut full = restored(sized(5000, None), &saved());
    let settings = settings(sized(5000, None));
    let mut hears = |uuids: &[&str], now| {
        let containers = uuids.iter().zip(1..).map(|(uuid, age)| container(uuid, age, None));
        full.take(Arc::new(snapshot(containers, PublishedPorts::default())), ms(0), &settings, now);
        let growth = full.decide(&settings, &BTreeSet::new(), &Around::default(), now);
        (growth, full.plan(&settings).slots.len())
    };
    // One slot is reserved in the saved state.
    assert_eq!(hears(&["u", "v", "w", "x"], ms(0)), (None, 3));
    assert_eq!(hears(&["u", "v", "w", "x"], ms(60_000)), (None, 4));
    assert_eq!(hears(&["u", "v", "w", "x", "y"], ms(60_000)), (Some(Growth { from: 4, to: 20 }), 5));
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
    assert_eq!(plan.unmapped["c"], Unmapped::OutsidePool { index: 37, pool_size: 36, max_port_count: 36 });
}

#[test]
fn without_a_snapshot_the_saved_plan_stands() {
    let plan = plan_once(&settings(sized(5000, None)), &saved(), &BTreeMap::new());
    assert_eq!(plan.revision, 8);
    assert_eq!(plan.mappings[0].pool_size, 4);
    assert_eq!(plan.mappings[0].slots[&2].backend.to_string(), "10.42.0.9:8080");
    assert_eq!(plan.mappings[0].still_running, [].into());
}

#[test]
fn a_smaller_pool_drops_what_stood_outside_of_it() {
    let restored = restored(sized(5000, Some(2)), &saved());
    assert!(restored.is_empty());
    assert_eq!(restored.leftovers().reservations, [].into());
}

#[test]
fn what_was_saved_of_another_service_or_backend_port_is_not_ours() {
    let other_port = Mapping { backend_port: NonZeroU16::MIN.into(), ..sized(5000, None) };
    let other_service = Mapping { service: service("db"), ..sized(5000, None) };
    for mapping in [other_port, other_service] {
        assert!(restored(mapping, &saved()).is_empty());
    }
    assert!(!restored(sized(5000, None), &saved()).is_empty());
}

#[test]
fn a_reservation_lasts_no_longer_than_the_settings_now_say() {
    let settings = settings(sized(5000, None));
    let restored = restored(sized(5000, None), &saved());
    let plan = Plan { revision: 8, mappings: vec![restored.plan(&settings)] };
    let left_ms = |now| {
        let state = to_save(&plan, &[restored.leftovers()], now);
        state.mappings[0].reservations[&3].left_ms
    };
    assert_eq!((left_ms(ms(0)), left_ms(ms(20_000))), (60_000, 40_000));
}

#[test]
fn a_saved_loopback_address_that_is_no_longer_allowed_is_not_served() {
    let mut state = saved();
    state.mappings[0].slots.insert(2, saved_container("u", "127.0.0.9"));
    let mapping = sized(5000, None);
    let served = |allow_loopback| {
        let settings = AllocatorSettings { allow_loopback, ..settings(mapping.clone()) };
        Pool::restore(&pool(mapping.clone()), &state, &settings).plan(&settings).slots.len()
    };
    assert_eq!((served(true), served(false)), (1, 0));
}

#[test]
fn a_pool_without_a_size_ends_before_the_next_port_that_is_used_otherwise() {
    let with_room = |port_count, state: &SavedState, published: &[u16]| {
        let mapping = sized(5000, port_count);
        let pool = PoolSettings { room: 3, max_ports: 3, ..pool(mapping.clone()) };
        let settings = AllocatorSettings { pools: vec![pool], ..settings(mapping.clone()) };
        let published = PublishedPorts(published.iter().map(|port| *port..=*port).collect());
        let containers: Vec<_> = (1..=5).map(|age| container(&age.to_string(), age, Some(age))).collect();
        let snapshots = [(mapping.service, Arc::new(snapshot(containers, published)))].into();
        let plan = plan_once(&settings, state, &snapshots).mappings.remove(0);
        (plan.pool_size, plan.slots.len())
    };
    let none = SavedState::default();
    assert_eq!(with_room(None, &none, &[]), (3, 3));
    assert_eq!(with_room(None, &none, &[5000, 5001, 5002, 5003, 5004]), (3, 3));
    assert_eq!(with_room(None, &none, &[5000, 5001]), (3, 3), "it grows that far");
    assert_eq!(with_room(None, &saved(), &[]), (3, 3));
    assert_eq!(with_room(Some(4), &none, &[]), (4, 4), "a size that is given is checked at the start");
}
