//! Of a pool of 20 slots.

use std::{collections::BTreeMap, net::IpAddr};

use proptest::{collection::btree_set, prelude::*};

use super::*;
use crate::testing::{container, ms};

const HOLD: Duration = Duration::from_millis(15_000);
const POOL: u16 = 20;

fn assignment(n: u16) -> Assignment {
    let address = IpAddr::from([10, 42, (n / 250) as u8, (n % 250) as u8]);
    Assignment { uuid: format!("u{n}").into(), name: format!("app-{n}").into(), address }
}

/// The container of each slot is called like it.
fn on(slots: impl IntoIterator<Item = u16>) -> Assignments {
    Assignments {
        slots: slots.into_iter().map(|slot| (slot, assignment(slot))).collect(),
        ..Assignments::default()
    }
}

fn slots(assignments: &Assignments) -> Vec<u16> {
    assignments.slots.keys().copied().collect()
}

fn held(previous: &Assignments, next: Assignments, now: u64) -> Assignments {
    held_among(&[], previous, next, now)
}

/// While containers with these uuids are listed at the address of these assignments.
fn held_among(listed: &[(&str, u16)], previous: &Assignments, next: Assignments, now: u64) -> Assignments {
    let listed = listed.iter().map(|(uuid, n)| {
        let address = assignment(*n).address.to_string();
        Arc::new(Container { address: Some(address.as_str().into()), ..container(uuid, 1, None) })
    });
    hold_back(previous, next, &listed.collect::<Vec<_>>(), POOL, HOLD, ms(now))
}

#[test]
fn all_ports_or_more_than_half_of_four_are_held_and_fewer_are_not() {
    for (before, after, is_held) in [
        (vec![0], vec![], true),
        (vec![0, 1], vec![], true),
        (vec![0, 1, 2], vec![0], false),
        (vec![0, 1, 2, 3], vec![0, 1], false),
        (vec![0, 1, 2, 3], vec![0], true),
        (vec![0, 1, 2, 3, 4], vec![0, 1], true),
        (vec![0, 1, 2, 3, 4], vec![0, 1, 2], false),
    ] {
        let after_hold = held(&on(before.clone()), on(after.clone()), 0);
        assert_eq!(slots(&after_hold), if is_held { &before } else { &after }[..], "{before:?} -> {after:?}");
        assert_eq!(after_hold.mass_removal.is_some(), is_held);
    }
}

#[test]
fn what_is_held_is_freed_in_time_and_not_again_put_off() {
    let mut now = held(&on([0, 1]), on([]), 1_000);
    for at in [5_000, 15_999] {
        now = held(&now, on([]), at);
        let removal = now.mass_removal.as_ref().unwrap();
        assert_eq!((&removal.slots, removal.until), (&[0, 1].into(), ms(16_000)));
        assert_eq!(now.next_change(), Some(ms(16_000)));
    }
    let freed = held(&now, on([]), 16_000);
    assert_eq!((slots(&freed), freed.mass_removal), (vec![], None));
}

#[test]
fn a_mass_removal_ends_when_enough_come_back_and_the_next_one_takes_its_own_time() {
    let removal = held(&on([0, 1, 2, 3]), on([]), 0);
    let back = held(&removal, on([0, 1, 2]), 5_000);
    assert_eq!((slots(&back), &back.mass_removal), (vec![0, 1, 2], &None));
    let again = held(&back, on([]), 10_000);
    assert_eq!(again.mass_removal.unwrap().until, ms(25_000));
}

#[test]
fn a_container_that_comes_meanwhile_does_not_end_a_mass_removal() {
    let removal = held(&on([0, 1, 2, 3]), on([3, 4, 5, 6]), 0);
    assert_eq!(slots(&removal), [0, 1, 2, 3, 4, 5, 6]);
    let looked_again = held(&removal, on([3, 4, 5, 6]), 1_000);
    assert_eq!((slots(&looked_again), looked_again.mass_removal), (slots(&removal), removal.mass_removal));
}

#[test]
fn a_slot_that_could_not_be_held_does_not_end_a_mass_removal() {
    let removal = held_among(&[("other", 0), ("another", 1)], &on([0, 1, 2, 3, 4]), on([4]), 0);
    assert_eq!(slots(&removal), [2, 3, 4]);
    let looked_again = held(&removal, on([4]), 1_000);
    assert_eq!((slots(&looked_again), looked_again.mass_removal), (slots(&removal), removal.mass_removal));
}

#[test]
fn additions_and_moves_are_made_at_once() {
    let mut next = on([7]);
    next.slots.insert(8, assignment(0));
    let after = held(&on([0, 1, 2, 3]), next, 0);
    assert_eq!(slots(&after), [1, 2, 3, 7, 8], "the container of slot 0 has moved to 8");
    let all_moved: BTreeMap<_, _> = (0..4).map(|slot| (slot + 10, assignment(slot))).collect();
    let moved = held(&on(0..4), Assignments { slots: all_moved.clone(), ..on([]) }, 0);
    assert_eq!((moved.slots, moved.mass_removal), (all_moved, None));
}

#[test]
fn no_port_is_held_that_would_lead_to_another_container() {
    let after = held_among(&[("other", 1), ("u2", 2)], &on([0, 1, 2]), on([]), 0);
    assert_eq!(slots(&after), [0, 2]);
}

#[test]
fn no_port_is_held_that_would_lead_where_another_one_leads() {
    let heir = Assignment { address: assignment(1).address, ..assignment(7) };
    let next = Assignments { slots: [(7, heir)].into_iter().collect(), ..on([]) };
    assert_eq!(slots(&held(&on([0, 1, 2]), next, 0)), [0, 2, 7]);
}

#[test]
fn a_port_that_is_no_longer_one_is_not_held() {
    let after = hold_back(&on([0, 1]), on([]), &[], 1, HOLD, ms(0));
    assert_eq!(slots(&after), [0]);
}

proptest! {
    #[test]
    fn most_never_go_before_the_time_and_none_is_held_for_longer(
        answers in prop::collection::vec((btree_set(0..POOL, 0..12), 0..10_000_u64), 1..12),
    ) {
        let (mut before, mut now, mut held_since) = (Assignments::default(), 0, None);
        for (answer, pass) in answers {
            now += pass;
            let after = held(&before, on(answer.clone()), now);
            let (was, is) = (before.slots.len(), after.slots.len());
            let gone = before.slots.keys().filter(|slot| !after.slots.contains_key(slot)).count();
            let is_mass_removal = gone > 0 && (gone == was || (was >= 4 && 2 * gone > was));
            let is_over = held_since.is_some_and(|since| now >= since + 15_000);
            prop_assert!(!is_mass_removal || is_over, "{gone} of {was} gone at {now}, held since {held_since:?}");
            prop_assert!(answer.iter().all(|slot| after.slots.contains_key(slot)));
            match &after.mass_removal {
                Some(removal) => {
                    let since = *held_since.get_or_insert(now);
                    prop_assert_eq!(removal.until, ms(since + 15_000));
                    prop_assert_eq!(removal.slots.len() + answer.len(), is);
                }
                None => {
                    prop_assert_eq!(is, answer.len());
                    held_since = None;
                }
            }
            before = after;
        }
    }
}
