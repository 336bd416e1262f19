//! Rule 3: containers without a usable index, and the reservations of freed slots.

use super::*;

#[test]
fn rule_3_the_oldest_takes_the_lowest_free_slot() {
    let mut web = Followed::with_pool(5);
    let twin = at("10.42.9.9", &unindexed("y", 5));
    web.sees(&[&unindexed("x", 5), &twin, &unindexed("z", 1), &indexed("i", 9, 2)]);
    assert_eq!(web.slots(), [(0, "z"), (1, "i"), (2, "x"), (3, "y")]);
}

#[test]
fn rule_3_a_container_keeps_its_slot_while_others_come_and_go() {
    let mut web = Followed::with_pool(4);
    let (a, b, c) = (unindexed("a", 1), unindexed("b", 2), unindexed("c", 3));
    web.sees(&[&b, &c]);
    web.sees(&[&a, &b, &c]);
    assert_eq!(web.slots(), [(0, "b"), (1, "c"), (2, "a")]);
    web.sees(&[&c]);
    assert_eq!(web.slots(), [(1, "c")]);
}

#[test]
fn rule_3_the_same_container_comes_back_to_its_reserved_slot() {
    let mut web = Followed::with_pool(3);
    let (a, b) = (unindexed("a", 1), unindexed("b", 2));
    web.sees(&[&a, &b]);
    web.sees(&[&a, &in_state("stopped", &b)]);
    assert_eq!(
        web.assignments.reservations,
        [(1, Reservation { uuid: "b".into(), until: REUSE_DELAY })].into()
    );
    web.passes(REUSE_DELAY - ms(1));
    web.sees(&[&a, &b]);
    assert_eq!(web.slots(), [(0, "a"), (1, "b")]);
    assert_eq!(web.assignments.reservations, [].into());
}

#[test]
fn rule_3_another_container_stays_away_from_a_reserved_slot() {
    let mut web = Followed::with_pool(3);
    let (a, b, c) = (unindexed("a", 1), unindexed("b", 2), unindexed("c", 3));
    web.sees(&[&a, &b]);
    // It leaves and another comes in one and the same snapshot.
    web.sees(&[&b, &c]);
    assert_eq!(web.slots(), [(1, "b"), (2, "c")]);
    // There is nowhere else to go: it waits.
    let d = unindexed("d", 4);
    web.sees(&[&b, &c, &d]);
    assert_eq!(web.why_not("d"), no_free_slot(3));
}

#[test]
fn rule_3_a_reservation_ends_and_the_slot_is_free_for_the_one_that_waits() {
    let mut web = Followed::with_pool(1);
    web.sees(&[&unindexed("a", 1)]);
    web.passes(ms(10));
    let b = unindexed("b", 2);
    web.sees(&[&b]);
    assert_eq!(web.slots(), []);
    assert_eq!(web.assignments.next_change(), Some(ms(10) + REUSE_DELAY));
    web.passes(REUSE_DELAY - ms(1));
    web.sees(&[&b]);
    assert_eq!(web.slots(), []);
    web.passes(ms(1));
    web.sees(&[&b]);
    assert_eq!(web.slots(), [(0, "b")]);
    assert_eq!(web.assignments.next_change(), None);
}

#[test]
fn the_first_reservation_to_end_is_the_next_change_and_only_if_a_container_waits() {
    let mut web = Followed::with_pool(2);
    let (a, b, c) = (unindexed("a", 1), unindexed("b", 2), unindexed("c", 3));
    web.sees(&[&a, &b]);
    web.sees(&[&a]);
    web.passes(ms(500));
    web.sees(&[]);
    assert_eq!(web.assignments.reservations.len(), 2);
    assert_eq!(web.assignments.next_change(), None);
    web.sees(&[&c]);
    assert_eq!(web.assignments.next_change(), Some(REUSE_DELAY));
}

#[test]
fn without_a_reuse_delay_a_freed_slot_is_free_at_once() {
    let mut web = Followed::with_pool(1);
    web.rules.port_reuse_delay = ms(0);
    web.sees(&[&unindexed("a", 1)]);
    web.sees(&[&unindexed("b", 2)]);
    assert_eq!(web.slots(), [(0, "b")]);
}

#[test]
fn a_reservation_does_not_hold_off_a_container_with_an_index() {
    let mut web = Followed::with_pool(2);
    let a = unindexed("a", 1);
    web.sees(&[&a]);
    web.sees(&[]);
    let i = indexed("i", 2, 1);
    web.sees(&[&i]);
    assert_eq!(web.slots(), [(0, "i")]);
    // Its slot is gone for good, so it gets another.
    web.sees(&[&a, &i]);
    assert_eq!(web.slots(), [(0, "i"), (1, "a")]);
}

#[test]
fn an_index_displaces_a_container_without_one() {
    let mut web = Followed::with_pool(3);
    let (a, b, i) = (unindexed("a", 1), unindexed("b", 2), indexed("i", 3, 1));
    web.sees(&[&a, &b]);
    web.sees(&[&a, &b, &i]);
    assert_eq!(web.slots(), [(0, "i"), (1, "b"), (2, "a")]);
    // When the pool is full, it is the one that goes without.
    let mut small = Followed::with_pool(1);
    small.sees(&[&a]);
    small.sees(&[&a, &i]);
    assert_eq!(small.slots(), [(0, "i")]);
    assert_eq!(small.why_not("a"), no_free_slot(1));
}

#[test]
fn a_container_that_loses_its_index_for_a_moment_keeps_its_slot() {
    let mut web = Followed::with_pool(3);
    web.sees(&[&indexed("a", 1, 3)]);
    web.sees(&[&unindexed("a", 1)]);
    assert_eq!(web.slots(), [(2, "a")]);
    web.sees(&[&indexed("a", 1, 3)]);
    assert_eq!(web.slots(), [(2, "a")]);
}

#[test]
fn the_slot_that_a_container_with_an_index_frees_is_reserved_too() {
    let mut web = Followed::with_pool(2);
    web.sees(&[&indexed("i", 1, 1)]);
    web.sees(&[&unindexed("a", 2)]);
    assert_eq!(web.slots(), [(1, "a")]);
}
