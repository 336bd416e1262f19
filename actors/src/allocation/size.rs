//! Rule 5: how large a pool is: what the operator says, else what is known, and larger when more is needed. Pure.

use super::eligibility::Eligible;
use crate::domain::{DEFAULT_PORT_COUNT, Mapping};

/// A pool grows by a quarter, and by no less than this: each growth is a reload.
const MIN_STEP: u16 = 16;

/// The size before the need is known: that of the settings, else what is otherwise `known`, else the default; cut off
/// where the port numbers end.
pub(super) fn initial(mapping: &Mapping, known: Option<u16>) -> u16 {
    let wanted = mapping.port_count.map(u16::from).or(known).unwrap_or(DEFAULT_PORT_COUNT);
    wanted.clamp(1, mapping.max_port_count())
}

/// Rule 5: how many slots these containers need, at most `max`. Earlier assignments do not matter, so all hosts come to
/// the same number: a container that only waits for a reservation to end needs no slot more. Two containers with one
/// index need one slot, or an upgrade of all containers would double the pool. An index beyond `max` needs none, since
/// no growth would map it.
pub(super) fn needed(eligible: &[Eligible<'_>], max: u16) -> u16 {
    let mut is_claimed = vec![false; usize::from(max) + 1];
    let mut without_index = 0;
    for candidate in eligible {
        match candidate.container.index {
            Some(index) => {
                let place = usize::try_from(index.get()).ok().and_then(|index| is_claimed.get_mut(index));
                place.into_iter().for_each(|is_claimed| *is_claimed = true);
            }
            None => without_index += 1,
        }
    }
    let claimed = is_claimed.iter().filter(|is_claimed| **is_claimed).count();
    let highest = is_claimed.iter().rposition(|is_claimed| *is_claimed).unwrap_or(0);
    u16::try_from(highest.max(claimed + without_index)).unwrap_or(u16::MAX).min(max)
}

/// Rule 5: the size of a pool of `size` slots, of which `need` are needed, that may grow to `max`.
pub(super) fn grown(mut size: u16, need: u16, max: u16) -> u16 {
    let need = need.min(max);
    while size < need {
        size = size.saturating_add(MIN_STEP.max(size / 4)).min(max);
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        allocation::{
            eligibility::{Forbidden, eligible},
            flapping::FlapDamper,
        },
        domain::Container,
        testing::{container, mapping, shared, state, web},
    };

    fn needed_by(containers: &[Container], max: u16) -> u16 {
        needed(&eligible(&shared(containers), &FlapDamper::default(), Forbidden::unless(false)).eligible, max)
    }

    #[test]
    fn a_step_is_a_quarter_and_at_least_16() {
        assert_eq!(grown(1, 2, 10_000), 17);
        assert_eq!(grown(64, 64, 10_000), 64);
        assert_eq!(grown(64, 65, 10_000), 80);
        assert_eq!(grown(64, 81, 10_000), 100);
        assert_eq!(grown(100, 101, 10_000), 125);
        assert_eq!(grown(1_000, 1_001, 10_000), 1_250);
    }

    #[test]
    fn growth_ends_where_it_may_go_no_further() {
        assert_eq!(grown(64, 65, 70), 70);
        assert_eq!(grown(64, 500, 70), 70);
        assert_eq!(grown(64, 500, 60), 64);
        assert_eq!(grown(60_000, u16::MAX, u16::MAX), u16::MAX);
    }

    #[test]
    fn the_initial_size_keeps_to_the_port_numbers() {
        assert_eq!(initial(&mapping(&web(), 65_535), Some(2)), 1);
        assert_eq!(initial(&mapping(&web(), 5000), Some(0)), 1);
    }

    #[test]
    fn what_is_needed_is_a_slot_for_each_index_and_for_each_container_without_one() {
        assert_eq!(needed_by(&[], 100), 0);
        let (second, fifth) = (container("b", 1, Some(2)), container("e", 2, Some(5)));
        assert_eq!(needed_by(&[second.clone(), fifth.clone()], 100), 5);
        let without: Vec<_> = (3..=6).map(|age| container(&age.to_string(), age, None)).collect();
        assert_eq!(needed_by(&[&[second, fifth][..], &without].concat(), 100), 6);
    }

    #[test]
    fn an_upgrade_of_all_containers_needs_no_slot_more() {
        let both: Vec<_> = (1..=64)
            .flat_map(|i| [(i, "old", i), (i, "new", 64 + i)])
            .map(|(index, uuid, age)| container(&format!("{uuid}{index}"), age, Some(index)))
            .collect();
        assert_eq!(needed_by(&both, 1_000), 64);
    }

    #[test]
    fn what_cannot_be_mapped_needs_no_slot() {
        let stopped = Container { state: Some(state("stopped")), ..container("a", 1, Some(90)) };
        let bogus = [container("b", 2, Some(101)), container("c", 3, Some(u64::MAX))];
        assert_eq!(needed_by(&[&[stopped][..], &bogus].concat(), 100), 0);
        let crowd: Vec<_> = (1..=101).map(|age| container(&age.to_string(), age, None)).collect();
        assert_eq!(needed_by(&crowd, 100), 100);
    }
}
