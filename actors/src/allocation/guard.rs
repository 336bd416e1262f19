//! Rule 7, the blast guard: an answer that would free most ports is not believed at once. Pure.

use std::{collections::BTreeSet, time::Duration};

use super::{Assignments, Occupant, eligibility::Addresses};

/// Fewer than these may come and go together; all of them may not, however few they are.
const LEAST: usize = 4;

/// Slots that keep their containers although the metadata says that these are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The slots.
    pub(crate) slots: BTreeSet<u16>,
    /// When they are freed if nothing else is said meanwhile, on the allocator's clock.
    pub(crate) until: Duration,
    /// How many slots were mapped when it began: what comes meanwhile makes the answer no better.
    mapped: usize,
    /// How many were freed all the same, since they would have led to somebody else.
    astray: usize,
}

/// What remains of `next` when it frees most of the slots that `previous` has: all that it adds or moves, but not what
/// it frees, until that has been said for as long as `guard`. `reachable` gives every address where the metadata knows
/// somebody, and who that is: no slot is held that would lead to somebody else, nor where another slot leads.
pub(super) fn hold<'a>(
    previous: &Assignments,
    mut next: Assignments,
    pool_size: u16,
    reachable: impl FnOnce() -> Addresses<'a>,
    guard: Duration,
    now: Duration,
) -> Assignments {
    let freed = |(slot, was, is): (u16, Option<&Occupant>, Option<&Occupant>)| {
        was.filter(|_| is.is_none()).map(|was| (slot, was.clone()))
    };
    let mut gone: Vec<_> = previous.slots.differences(&next.slots).filter_map(freed).collect();
    if gone.is_empty() {
        return next;
    }
    let Hold { until, mapped, astray, .. } = previous.hold.clone().unwrap_or_else(|| Hold {
        slots: BTreeSet::new(),
        until: now + guard,
        mapped: previous.slots.len(),
        astray: 0,
    });
    let are_most = |gone: usize| {
        let in_all = gone + astray;
        in_all >= mapped || (mapped >= LEAST && 2 * in_all > mapped)
    };
    if !are_most(gone.len()) || until <= now {
        return next;
    }
    // Who has moved to another slot is not gone. It takes a look at all slots to find that out.
    let placed: BTreeSet<_> = next.slots.values().map(|occupant| &occupant.uuid).collect();
    gone.retain(|(_, occupant)| !placed.contains(&occupant.uuid));
    if gone.is_empty() || !are_most(gone.len()) {
        return next;
    }
    let reachable = reachable();
    // Two containers are said to have one address while one of them stops, and the other one gets it.
    let led_to: BTreeSet<_> = next.slots.values().map(|occupant| occupant.address).collect();
    let leads_astray = |occupant: &Occupant| {
        led_to.contains(&occupant.address)
            || reachable.get(&occupant.address).is_some_and(|somebody| **somebody != occupant.uuid)
    };
    let (free, held): (Vec<_>, Vec<_>) =
        gone.into_iter().partition(|(slot, occupant)| *slot >= pool_size || leads_astray(occupant));
    let slots: BTreeSet<u16> = held.iter().map(|(slot, _)| *slot).collect();
    for (slot, occupant) in held {
        next.tombstones.remove(&slot);
        next.unmapped.remove(&occupant.uuid);
        next.slots.insert(slot, occupant);
    }
    let astray = astray + free.len();
    next.hold = Some(Hold { slots, until, mapped, astray }).filter(|hold| !hold.slots.is_empty());
    next
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::{collection::btree_set, prelude::*};

    use super::*;
    use crate::{paged_map::PagedMap, testing::ms};

    const GUARD: Duration = Duration::from_millis(15_000);
    const POOL: u16 = 20;

    fn occupant(n: u16) -> Occupant {
        let address = IpAddr::from([10, 42, (n / 250) as u8, (n % 250) as u8]);
        Occupant { uuid: format!("u{n}").into(), name: format!("app-{n}").into(), address }
    }

    /// The container of each slot is called like it.
    fn on(slots: impl IntoIterator<Item = u16>) -> Assignments {
        Assignments {
            slots: slots.into_iter().map(|slot| (slot, occupant(slot))).collect(),
            ..Assignments::default()
        }
    }

    fn slots(assignments: &Assignments) -> Vec<u16> {
        assignments.slots.keys().copied().collect()
    }

    fn held(previous: &Assignments, next: Assignments, now: u64) -> Assignments {
        hold(previous, next, POOL, Addresses::default, GUARD, ms(now))
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
            assert_eq!(
                slots(&after_hold),
                if is_held { &before } else { &after }[..],
                "{before:?} -> {after:?}"
            );
            assert_eq!(after_hold.hold.is_some(), is_held);
        }
    }

    #[test]
    fn what_is_held_is_freed_in_time_and_not_again_put_off() {
        let mut now = held(&on([0, 1]), on([]), 1_000);
        for at in [5_000, 15_999] {
            now = held(&now, on([]), at);
            let hold = now.hold.as_ref().unwrap();
            assert_eq!((&hold.slots, hold.until), (&[0, 1].into(), ms(16_000)));
            assert_eq!(now.next_change(), Some(ms(16_000)));
        }
        let freed = held(&now, on([]), 16_000);
        assert_eq!((slots(&freed), freed.hold), (vec![], None));
    }

    #[test]
    fn a_hold_ends_when_enough_come_back_and_the_next_one_takes_its_own_time() {
        let blast = held(&on([0, 1, 2, 3]), on([]), 0);
        let back = held(&blast, on([0, 1, 2]), 5_000);
        assert_eq!((slots(&back), &back.hold), (vec![0, 1, 2], &None));
        let again = held(&back, on([]), 10_000);
        assert_eq!(again.hold.unwrap().until, ms(25_000));
    }

    #[test]
    fn who_comes_meanwhile_does_not_end_a_hold() {
        let blast = held(&on([0, 1, 2, 3]), on([3, 4, 5, 6]), 0);
        assert_eq!(slots(&blast), [0, 1, 2, 3, 4, 5, 6]);
        let looked_again = held(&blast, on([3, 4, 5, 6]), 1_000);
        assert_eq!((slots(&looked_again), looked_again.hold), (slots(&blast), blast.hold));
    }

    #[test]
    fn what_could_not_be_held_does_not_end_a_hold() {
        let somebody = "somebody".into();
        let reachable = || [0, 1].map(|n| (occupant(n).address, &somebody)).into_iter().collect();
        let blast = hold(&on([0, 1, 2, 3, 4]), on([4]), POOL, reachable, GUARD, ms(0));
        assert_eq!(slots(&blast), [2, 3, 4]);
        let looked_again = held(&blast, on([4]), 1_000);
        assert_eq!((slots(&looked_again), looked_again.hold), (slots(&blast), blast.hold));
    }

    #[test]
    fn additions_and_moves_are_made_at_once() {
        let mut next = on([7]);
        next.slots.insert(8, occupant(0));
        let after = held(&on([0, 1, 2, 3]), next, 0);
        assert_eq!(slots(&after), [1, 2, 3, 7, 8], "who was on 0 has moved to 8");
        let all_moved: PagedMap<_> = (0..4).map(|slot| (slot + 10, occupant(slot))).collect();
        let moved = held(&on(0..4), Assignments { slots: all_moved.clone(), ..on([]) }, 0);
        assert_eq!((moved.slots, moved.hold), (all_moved, None));
    }

    #[test]
    fn no_port_is_held_that_would_lead_to_somebody_else() {
        let (somebody, u2) = ("somebody".into(), "u2".into());
        let reachable =
            || [(occupant(1).address, &somebody), (occupant(2).address, &u2)].into_iter().collect();
        let after = hold(&on([0, 1, 2]), on([]), POOL, reachable, GUARD, ms(0));
        assert_eq!(slots(&after), [0, 2]);
    }

    #[test]
    fn no_port_is_held_that_would_lead_where_another_one_leads() {
        let heir = Occupant { address: occupant(1).address, ..occupant(7) };
        let next = Assignments { slots: [(7, heir)].into_iter().collect(), ..on([]) };
        assert_eq!(slots(&held(&on([0, 1, 2]), next, 0)), [0, 2, 7]);
    }

    #[test]
    fn a_port_that_is_no_longer_one_is_not_held() {
        let after = hold(&on([0, 1]), on([]), 1, Addresses::default, GUARD, ms(0));
        assert_eq!(slots(&after), [0]);
    }

    proptest! {
        #[test]
        fn most_never_go_before_the_time_and_nobody_is_held_for_longer(
            answers in prop::collection::vec((btree_set(0..POOL, 0..12), 0..10_000_u64), 1..12),
        ) {
            let (mut before, mut now, mut held_since) = (Assignments::default(), 0, None);
            for (answer, pass) in answers {
                now += pass;
                let after = held(&before, on(answer.clone()), now);
                let (was, is) = (before.slots.len(), after.slots.len());
                let gone = before.slots.keys().filter(|slot| !after.slots.contains_key(slot)).count();
                let is_blast = gone > 0 && (gone == was || (was >= 4 && 2 * gone > was));
                let is_over = held_since.is_some_and(|since| now >= since + 15_000);
                prop_assert!(!is_blast || is_over, "{gone} of {was} gone at {now}, held since {held_since:?}");
                prop_assert!(answer.iter().all(|slot| after.slots.contains_key(slot)));
                match &after.hold {
                    Some(hold) => {
                        let since = *held_since.get_or_insert(now);
                        prop_assert_eq!(hold.until, ms(since + 15_000));
                        prop_assert_eq!(hold.slots.len() + answer.len(), is);
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
}
