//! What is always true of a pool without a size of its own, over random histories of a service.

use std::{collections::BTreeSet, iter};

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::domain::State;

/// What the metadata says at one moment, and what then passes until the next one.
#[derive(Clone, Debug)]
struct Moment {
    snapshot: Arc<Snapshot>,
    pass: Duration,
}

fn history() -> impl Strategy<Value = Vec<Moment>> {
    let containers = prop_oneof![
        4 => vec((index(), state()), 0..20),
        2 => vec((index(), state()), 50..120),
        1 => vec((index(), state()), 180..260),
    ];
    let published = prop_oneof![3 => Just(0), 1 => 1..100_u16, 1 => Just(MAX_PORTS + 30)];
    let moment = (containers, published, 0..100_000_u64).prop_map(|(containers, published, pass_ms)| {
        let containers = containers.into_iter().zip(1..).map(|((index, state), age)| Container {
            state: Some(crate::testing::state(state)),
            ..container(&format!("u{age}"), age, index)
        });
        let published = PublishedPorts((5000..5000 + published).map(|port| port..=port).collect());
        let snapshot = Arc::new(snapshot(containers, published));
        Moment { snapshot, pass: ms(pass_ms) }
    });
    vec(moment, 1..6)
}

fn index() -> impl Strategy<Value = Option<u64>> {
    let most = u64::from(MAX_PORTS);
    prop_oneof![
        8 => (1..=60_u64).prop_map(Some),
        1 => (61..=most).prop_map(Some),
        1 => select(vec![Some(most + 1), Some(70_000), Some(u64::MAX)]),
        6 => Just(None),
    ]
}

fn state() -> impl Strategy<Value = &'static str> {
    select(vec!["running", "running", "starting", "stopping", "stopped"])
}

/// The indexes of the containers that can be mapped, those that lead too far left out.
fn eligible(snapshot: &Snapshot) -> Vec<Option<u16>> {
    let can_serve =
        |c: &&Arc<Container>| matches!(c.state.as_ref().map(State::as_str), Some("running" | "starting"));
    let index = |c: &Arc<Container>| match c.index {
        None => Some(None),
        Some(index) => u16::try_from(index.get()).ok().filter(|index| *index <= MAX_PORTS).map(Some),
    };
    snapshot.containers.iter().filter(can_serve).filter_map(index).collect()
}

/// How many slots a snapshot needs, as obvious as can be.
fn need(snapshot: &Snapshot) -> u16 {
    let eligible = eligible(snapshot);
    let indexes: BTreeSet<_> = eligible.iter().flatten().collect();
    let without = eligible.iter().filter(|index| index.is_none()).count();
    let highest = indexes.last().map_or(0, |index| **index);
    MAX_PORTS.min(highest.max((indexes.len() + without) as u16))
}

/// The sizes that a pool of this size may come to, in order.
fn steps(size: u16) -> impl Iterator<Item = u16> {
    let larger = |size: &u16| Some(size + (size / 4).max(16));
    iter::successors(Some(size), larger).map(move |step| step.min(MAX_PORTS.max(size)))
}

/// Lives through a history from a fresh start, looking at each step at (moment, size before, plan after).
fn live_through(
    history: &[Moment],
    mut look: impl FnMut(&Moment, Option<u16>, &MappingPlan) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let settings = settings(sized(5000, None));
    let mut pool = restored(sized(5000, None), &SavedState::default());
    let (mut now, mut before) = (ms(0), None);
    for moment in history {
        pool.take(Arc::clone(&moment.snapshot), ms(0), &settings, now);
        let growth = pool.decide(&settings, &BTreeSet::new(), &Around::default(), now);
        let plan = pool.plan(&settings);
        if let Some(before) = before {
            let expected = (before < plan.pool_size).then_some(Growth { from: before, to: plan.pool_size });
            prop_assert_eq!(growth, expected);
        }
        look(moment, before, &plan)?;
        before = Some(plan.pool_size);
        now += moment.pass;
    }
    Ok(())
}

proptest! {
    /// Earlier assignments and reservations have no influence. So a fresh start comes to the same
    /// size on every host.
    #[test]
    fn the_size_follows_from_the_snapshot_and_the_size_before(history in history()) {
        live_through(&history, |moment, before, plan| {
            let published = moment.snapshot.published.run_from(5000);
            let initial = before.max(published).unwrap_or(DEFAULT_PORT_COUNT);
            let expected = steps(initial).find(|size| *size >= need(&moment.snapshot).min(MAX_PORTS.max(initial)));
            prop_assert_eq!(Some(plan.pool_size), expected);
            Ok(())
        })?;
    }

    #[test]
    fn a_pool_never_shrinks(history in history()) {
        live_through(&history, |_, before, plan| {
            prop_assert!(before.is_none_or(|before| before <= plan.pool_size));
            Ok(())
        })?;
    }

    #[test]
    fn every_index_that_growth_can_reach_is_mapped(history in history()) {
        live_through(&history, |moment, _, plan| {
            for index in eligible(&moment.snapshot).into_iter().flatten() {
                prop_assert!(plan.slots.contains_key(&(index - 1)), "{} in {:?}", index, plan.slots);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_fresh_start_maps_all_that_the_pool_may_hold(history in history()) {
        for moment in &history {
            let eligible = eligible(&moment.snapshot);
            let snapshot = &moment.snapshot;
            let containers: Vec<_> = snapshot.containers.iter().map(|c| Container::clone(c)).collect();
            let plan = planned(sized(5000, None), &SavedState::default(), &containers, &[]);
            let indexes: BTreeSet<_> = eligible.iter().flatten().collect();
            let without = eligible.iter().filter(|index| index.is_none()).count();
            if indexes.len() + without <= usize::from(MAX_PORTS) {
                prop_assert_eq!(plan.slots.len(), indexes.len() + without);
            }
        }
    }
}
