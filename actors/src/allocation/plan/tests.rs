//! The containers that still run although no port leads to them.

use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::{
    allocation::{
        assign::{Rules, assign},
        eligibility::{Forbidden, eligible},
        flapping::FlapDamper,
    },
    probing::Target,
    testing::{BACKEND_PORT, container, shared},
};

/// In a pool of two that was free before `containers` (oldest first), of which each is ready.
fn running(containers: &[Container]) -> Vec<String> {
    let rules = Rules { pool_size: 2, max_port_count: 100, port_reuse_delay: Duration::ZERO };
    let successor =
        |c: &Container| Some(Target { uuid: c.uuid.clone(), backend: c.backend(&BACKEND_PORT.into())? });
    let ready: BTreeSet<_> = containers.iter().filter_map(successor).collect();
    let containers = shared(containers);
    let candidates = eligible(&containers, &FlapDamper::default(), Forbidden::unless(false));
    let assignments = assign(candidates, &Assignments::default(), &ready, rules, Duration::ZERO);
    let running = still_running(&assignments, &containers, &Absences::default(), &BACKEND_PORT.into(), false);
    running.iter().map(ToString::to_string).collect()
}

fn with(state: &str, container: &Container) -> Container {
    Container { state: Some(crate::testing::state(state)), ..container.clone() }
}

fn at(address: &str, container: &Container) -> Container {
    Container { address: Some(address.into()), ..container.clone() }
}

#[test]
fn a_container_that_is_replaced_or_being_stopped_or_outside_of_the_pool_still_runs() {
    let (old, new) = (container("old", 1, Some(1)), container("new", 2, Some(1)));
    let outside = container("outside", 3, Some(3));
    assert_eq!(running(&[old.clone(), new, outside]), ["10.42.0.2:8080", "10.42.0.4:8080"]);
    assert_eq!(running(&[with("stopping", &old)]), ["10.42.0.2:8080"]);
    assert_eq!(running(&[with("updating-running", &old)]), [] as [&str; 0], "it has a slot");
}

#[test]
fn a_container_that_restarts_or_starts_or_has_stopped_does_not() {
    let (old, new) = (container("old", 1, Some(1)), container("new", 2, Some(1)));
    for state in ["restarting", "starting", "stopped", "removed", "created"] {
        assert_eq!(running(&[with(state, &old), new.clone()]), [] as [&str; 0], "{state}");
    }
    assert_eq!(running(&[Container { state: None, ..old }, new]), ["10.42.0.2:8080"]);
}

#[test]
fn an_address_that_a_slot_has_or_that_is_none_is_left_out() {
    let (old, new) = (container("old", 1, Some(2)), at("10.42.0.2", &container("new", 2, Some(1))));
    assert_eq!(running(&[old, new.clone()]), [] as [&str; 0], "the newer one is reached there");
    let stopping = with("stopping", &container("gone", 1, Some(2)));
    assert_eq!(running(&[at("::ffff:10.42.0.2", &stopping), new]), [] as [&str; 0]);
    for odd in ["x", "0.0.0.0", "127.0.0.1"] {
        assert_eq!(running(&[at(odd, &stopping)]), [] as [&str; 0], "{odd}");
    }
    assert_eq!(running(&[Container { address: None, ..stopping }]), [] as [&str; 0]);
}
