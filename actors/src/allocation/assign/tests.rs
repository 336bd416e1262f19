//! The allocation rules, one by one.

mod always;
mod history;
mod takeover;
mod without_index;

use super::*;
use crate::{
    allocation::{
        eligibility::{Forbidden, eligible},
        flapping::FlapDamper,
    },
    domain::Container,
    testing::{BACKEND_PORT, container, ms, shared},
};

const REUSE_DELAY: Duration = Duration::from_secs(60);

/// As from base port 5000.
const MAX_PORT_COUNT: u16 = 60_536;

/// Assigns slots to `containers` (oldest first), on loopback addresses none.
fn assigned(containers: &[Container], previous: &Assignments, rules: Rules, now: Duration) -> Assignments {
    let shared = shared(containers);
    let candidates = eligible(&shared, &FlapDamper::default(), Forbidden::unless(false));
    assign(candidates, previous, &probed_ready(containers), rules, now)
}

/// A container of an even age accepts connections.
fn accepts(container: &Container) -> bool {
    container.created.is_multiple_of(2)
}

fn probed_ready(containers: &[Container]) -> BTreeSet<Target> {
    let successor =
        |c: &Container| Some(Target { uuid: c.uuid.clone(), backend: c.backend(&BACKEND_PORT.into())? });
    containers.iter().filter(|container| accepts(container)).filter_map(successor).collect()
}

fn outside_pool(index: u64, pool_size: u16) -> Unmapped {
    Unmapped::OutsidePool { index, pool_size, max_port_count: MAX_PORT_COUNT }
}

fn no_free_slot(pool_size: u16) -> Unmapped {
    Unmapped::NoFreeSlot { pool_size, max_port_count: MAX_PORT_COUNT }
}

/// What holds for all containers of a pool of this size.
fn rules(pool_size: u16) -> Rules {
    Rules { pool_size, max_port_count: MAX_PORT_COUNT, port_reuse_delay: REUSE_DELAY }
}

/// A service as stalls follows it.
struct Followed {
    rules: Rules,
    allow_loopback: bool,
    now: Duration,
    assignments: Assignments,
}

impl Followed {
    fn with_pool(pool_size: u16) -> Self {
        Self {
            rules: rules(pool_size),
            allow_loopback: false,
            now: ms(0),
            assignments: Assignments::default(),
        }
    }

    /// Takes a snapshot with these containers, in any order.
    fn sees(&mut self, containers: &[&Container]) {
        let mut containers: Vec<_> = containers.iter().copied().cloned().collect();
        containers.sort_by_key(|c| (c.created, c.uuid.clone()));
        let shared = shared(&containers);
        let candidates = eligible(&shared, &FlapDamper::default(), Forbidden::unless(self.allow_loopback));
        let probed_ready = probed_ready(&containers);
        self.assignments = assign(candidates, &self.assignments, &probed_ready, self.rules, self.now);
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
    }

    /// The container of each slot.
    fn slots(&self) -> Vec<(u16, &str)> {
        self.assignments.slots.iter().map(|(slot, assignment)| (*slot, &*assignment.uuid)).collect()
    }

    /// Why a container has none.
    #[track_caller]
    fn why_not(&self, uuid: &str) -> Unmapped {
        self.assignments.unmapped[uuid].clone()
    }
}

fn indexed(uuid: &str, created: u64, index: u64) -> Container {
    container(uuid, created, Some(index))
}

fn unindexed(uuid: &str, created: u64) -> Container {
    container(uuid, created, None)
}

fn in_state(state: &str, container: &Container) -> Container {
    Container { state: Some(crate::testing::state(state)), ..container.clone() }
}

fn at(address: &str, container: &Container) -> Container {
    Container { address: Some(address.into()), ..container.clone() }
}

// === rule 1: eligible ===

#[test]
fn rule_1_a_container_that_can_serve_is_mapped() {
    let a = indexed("a", 1, 1);
    for state in [Some("running"), Some("starting"), Some("restarting"), Some("updating-running"), None] {
        let mut web = Followed::with_pool(3);
        web.sees(&[&Container { state: state.map(crate::testing::state), ..a.clone() }]);
        assert_eq!(web.slots(), [(0, "a")], "{state:?}");
    }
}

#[test]
fn rule_1_a_container_that_cannot_serve_is_listed_with_its_state() {
    for state in ["requested", "creating", "created", "stopping", "stopped", "purging", "removed", "odd"] {
        let mut web = Followed::with_pool(3);
        web.sees(&[&in_state(state, &indexed("a", 1, 1))]);
        assert_eq!(web.slots(), []);
        assert_eq!(web.why_not("a"), Unmapped::NotRunning { state: state.into() });
    }
}

#[test]
fn rule_1_only_an_ip_address_is_an_address() {
    for odd in
        ["x", "10.0.0", "10.0.0.1:80", "10.0.0.1 ", "db.example.com", "0.0.0.0", "::", "::ffff:0.0.0.0"]
    {
        let mut web = Followed::with_pool(3);
        web.sees(&[&at(odd, &indexed("a", 1, 1))]);
        assert_eq!(web.slots(), []);
        assert_eq!(web.why_not("a"), Unmapped::BadAddress { address: odd.into() });
    }
    let mut web = Followed::with_pool(3);
    web.sees(&[
        &Container { address: None, ..indexed("a", 1, 1) },
        &at("fd00::7", &indexed("b", 2, 2)),
        &at("::ffff:10.42.0.9", &indexed("c", 3, 3)),
    ]);
    assert_eq!(web.slots(), [(1, "b"), (2, "c")]);
    assert_eq!(web.why_not("a"), Unmapped::NoAddress);
    assert_eq!(web.assignments.slots[&2].backend.to_string(), "10.42.0.9:8080");
}

#[test]
fn rule_1_loopback_is_mapped_only_where_it_is_allowed() {
    for loopback in ["127.0.0.1", "127.0.1.7", "::1", "::ffff:127.0.0.1"] {
        let a = at(loopback, &indexed("a", 1, 1));
        let mut web = Followed::with_pool(3);
        web.sees(&[&a]);
        assert_eq!(web.slots(), []);
        assert_eq!(web.why_not("a").kind(), "loopback");
        web.allow_loopback = true;
        web.sees(&[&a]);
        assert_eq!(web.slots(), [(0, "a")]);
    }
}

#[test]
fn rule_1_a_container_without_identity_cannot_be_followed() {
    let mut web = Followed::with_pool(3);
    web.sees(&[&indexed("", 1, 1)]);
    assert_eq!(web.slots(), []);
    assert_eq!(web.why_not(""), Unmapped::NoIdentity);
}

#[test]
fn of_two_at_one_address_the_newer_is_reached_there() {
    let (old, new) = (indexed("old", 1, 1), at("10.42.0.2", &indexed("new", 2, 2)));
    assert_eq!(old.address, new.address);
    let mut web = Followed::with_pool(3);
    web.sees(&[&old, &new]);
    assert_eq!(web.slots(), [(1, "new")]);
    let backend = "10.42.0.2:8080".parse().unwrap();
    assert_eq!(web.why_not("old"), Unmapped::AddressTaken { backend, newer: "new".into() });
    // One address may be written in two ways.
    web.sees(&[&old, &at("::ffff:10.42.0.2", &new)]);
    assert_eq!(web.slots(), [(1, "new")]);
    // What does not serve holds no address.
    web.sees(&[&old, &in_state("stopped", &new)]);
    assert_eq!(web.slots(), [(0, "old")]);
}

// === rule 2: by index ===

#[test]
fn rule_2_an_index_is_a_slot_and_gaps_stay_open() {
    let mut web = Followed::with_pool(8);
    web.sees(&[&indexed("e", 5, 5), &indexed("b", 2, 2), &indexed("h", 1, 8)]);
    assert_eq!(web.slots(), [(1, "b"), (4, "e"), (7, "h")]);
}

#[test]
fn rule_2_a_replacement_has_its_predecessors_port() {
    let mut web = Followed::with_pool(3);
    let (a, b) = (indexed("a", 1, 1), indexed("b", 2, 2));
    web.sees(&[&a, &b]);
    web.sees(&[&b]);
    let c = indexed("c", 3, 1);
    web.sees(&[&b, &c]);
    assert_eq!(web.slots(), [(0, "c"), (1, "b")]);
}

#[test]
fn rule_2_a_container_whose_index_changes_moves() {
    let mut web = Followed::with_pool(3);
    web.sees(&[&indexed("a", 1, 1)]);
    web.sees(&[&indexed("a", 1, 3)]);
    assert_eq!(web.slots(), [(2, "a")]);
}

// === rule 5: outside the pool ===

#[test]
fn rule_5_an_index_past_the_pool_is_never_given_another_slot() {
    for index in [4, 70_000, u64::MAX] {
        let mut web = Followed::with_pool(3);
        web.sees(&[&indexed("a", 1, index)]);
        assert_eq!(web.slots(), []);
        assert_eq!(web.why_not("a"), outside_pool(index, 3));
    }
}

#[test]
fn rule_5_the_reason_names_what_would_do_and_only_if_something_would() {
    let outside = |index| Unmapped::OutsidePool { index, pool_size: 30, max_port_count: 36 }.to_string();
    assert_eq!(
        outside(36),
        "its index 36 is outside of the pool of 30; it needs a PORT_COUNT of at least 36"
    );
    assert_eq!(
        outside(37),
        "its index 37 is outside of the pool of 30; no PORT_COUNT reaches it, port 65535 is the last of 36"
    );
    let none_free = |pool_size| Unmapped::NoFreeSlot { pool_size, max_port_count: 36 }.to_string();
    assert_eq!(none_free(35), "no slot of the pool of 35 is free; a larger PORT_COUNT would have one");
    assert_eq!(none_free(36), "no slot of the pool of 36 is free; port 65535 is its last");
}

#[test]
fn rule_5_a_pool_that_grows_takes_in_what_was_outside() {
    let mut web = Followed::with_pool(3);
    let fourth = indexed("d", 4, 4);
    web.sees(&[&fourth]);
    web.rules.pool_size = 4;
    web.sees(&[&fourth]);
    assert_eq!(web.slots(), [(3, "d")]);
}

#[test]
fn rule_5_a_pool_that_shrinks_leaves_the_rest_where_it_is() {
    let mut web = Followed::with_pool(4);
    let (a, b, c, d) = (unindexed("a", 1), unindexed("b", 2), indexed("c", 3, 3), unindexed("d", 4));
    web.sees(&[&a, &b, &c, &d]);
    assert_eq!(web.slots(), [(0, "a"), (1, "b"), (2, "c"), (3, "d")]);
    web.rules.pool_size = 2;
    web.sees(&[&a, &b, &c, &d]);
    assert_eq!(web.slots(), [(0, "a"), (1, "b")]);
    assert_eq!(web.why_not("c"), outside_pool(3, 2));
    assert_eq!(web.why_not("d"), no_free_slot(2));
    assert_eq!(web.assignments.reservations, [].into());
}

// === rule 6: leaving ===

#[test]
fn rule_6_a_container_that_leaves_frees_its_slot() {
    for state in ["stopping", "stopped"] {
        let mut web = Followed::with_pool(3);
        let (a, b) = (indexed("a", 1, 1), indexed("b", 2, 2));
        web.sees(&[&a, &b]);
        web.sees(&[&in_state(state, &a), &b]);
        assert_eq!(web.slots(), [(1, "b")]);
    }
    let mut web = Followed::with_pool(3);
    web.sees(&[&indexed("a", 1, 1)]);
    web.sees(&[]);
    assert_eq!(web.slots(), []);
    assert_eq!(web.assignments.unmapped, [].into());
}

#[test]
fn rule_6_a_restart_keeps_the_slot_throughout() {
    let mut web = Followed::with_pool(3);
    for state in ["running", "restarting", "running"] {
        web.sees(&[&in_state(state, &unindexed("a", 1)), &in_state(state, &indexed("b", 2, 2))]);
        assert_eq!(web.slots(), [(0, "a"), (1, "b")]);
    }
}

// === rule 8: order ===

#[test]
fn rule_8_the_same_containers_in_another_order_are_the_same_plan() {
    let containers = [&indexed("a", 1, 2), &unindexed("b", 2), &indexed("c", 4, 2), &unindexed("d", 5)];
    let [a, b, c, d] = containers;
    let mut web = Followed::with_pool(3);
    web.sees(&containers);
    let first = web.assignments.clone();
    assert_eq!(web.slots(), [(0, "b"), (1, "c"), (2, "d")]);
    for order in [[d, c, b, a], [b, d, a, c]] {
        web.sees(&order);
        assert_eq!(web.assignments, first);
        let mut fresh = Followed::with_pool(3);
        fresh.sees(&order);
        assert_eq!(fresh.assignments, first);
    }
}
