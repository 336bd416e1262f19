//! What is decided among those whom a change concerns is what would be decided among all.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::metadata::Health;

/// A history has at most so many containers; those that are gone may come back.
const CAST: usize = 10;
const POOL: u16 = 6;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// The metadata says something else of some containers.
    Told(Vec<(usize, Option<Container>)>),
    /// Nothing, for so many ms.
    Passes(u64),
    /// Those challengers accept connections whose place among them is even, or odd.
    Reached(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let change = (0..CAST).prop_flat_map(|id| (Just(id), prop::option::weighted(0.85, container_of(id))));
    prop_oneof![
        8 => vec(change, 1..4).prop_map(Event::Told),
        2 => prop_oneof![0..40_000_u64, Just(60_000)].prop_map(Event::Passes),
        1 => (0..2_usize).prop_map(Event::Reached),
    ]
}

fn container_of(id: usize) -> impl Strategy<Value = Container> {
    let index = prop_oneof![
        60 => (1..=u64::from(POOL)).prop_map(Some),
        1 => Just(None),
        1 => Just(Some(u64::from(POOL) + 2)),
    ];
    let states =
        select(vec!["running", "running", "running", "starting", "stopping", "stopped", "updating-running"]);
    let health = select(vec![None, Some(Health::Healthy), Some(Health::Other)]);
    // Of some it cannot be told who they are.
    let has_uuid = prop::bool::weighted(if id < 2 { 0.7 } else { 1.0 });
    (index, 0..12_u8, states, health, has_uuid).prop_map(move |(index, address, state, health, has_uuid)| {
        let uuid = if has_uuid { format!("u{id}") } else { String::new() };
        Container { health, ..container_at(&uuid, id, index, address, state) }
    })
}

fn container_at(uuid: &str, id: usize, index: Option<u64>, address: u8, state: &str) -> Container {
    Container {
        primary_ip: Some(format!("10.42.0.{address}").as_str().into()),
        state: Some(state.into()),
        ..container(uuid, id as u64, index)
    }
}

/// The container with this index is there.
fn told(id: usize, address: u8, state: &str) -> Event {
    let container = container_at(&format!("u{id}"), id, Some(id as u64), address, state);
    Event::Told(vec![(id, Some(container))])
}

/// A pool that has just been started.
fn fresh(mapping: &Mapping, settings: &AllocatorSettings) -> Pool {
    Pool::restore(&pool(mapping.clone()), &SavedState::default(), settings)
}

/// Runs through `events`, once as it is and once as if each of them concerned everyone; tells how often it did not.
fn run(events: &[Event], mapping: &Mapping, guard: Duration) -> Result<usize, TestCaseError> {
    let settings = AllocatorSettings { guard, ..settings(mapping.clone()) };
    let (mut few, mut all) = (fresh(mapping, &settings), fresh(mapping, &settings));
    let mut told: BTreeMap<usize, Container> = BTreeMap::new();
    let (mut now, mut is_live, mut among_few) = (ms(0), false, 0);
    for event in events {
        let mut reached = BTreeSet::new();
        match event {
            Event::Told(changes) => {
                for (id, container) in changes {
                    match container {
                        Some(container) => drop(told.insert(*id, container.clone())),
                        None => drop(told.remove(id)),
                    }
                }
                let snapshot = Arc::new(snapshot(told.values().cloned(), PublishedPorts::default()));
                few.take(Arc::clone(&snapshot), &settings, now);
                all.take(snapshot, &settings, now);
            }
            Event::Passes(time) => now += ms(*time),
            Event::Reached(parity) => {
                let challengers = few.challengers().enumerate();
                reached = challengers.filter(|(place, _)| place % 2 == *parity).map(|(_, c)| c).collect();
            }
        }
        all.undecided = None;
        among_few += usize::from(few.undecided.is_some());
        let growth = few.reassign(&settings, &reached, is_live, now);
        prop_assert_eq!(growth, all.reassign(&settings, &reached, is_live, now));
        prop_assert_eq!(&few.assignments, &all.assignments, "after {:?}", event);
        prop_assert_eq!(few.plan(), all.plan(), "after {:?}", event);
        is_live = true;
    }
    Ok(among_few)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_makes_no_difference_whether_everyone_is_looked_at(
        events in vec(event(), 1..40), has_size: bool, guard in select(vec![0_u64, 15_000]),
    ) {
        run(&events, &sized(5000, has_size.then_some(POOL)), ms(guard))?;
    }
}

#[test]
fn after_the_first_snapshot_a_change_is_decided_among_few() {
    let running = |id, address| told(id, address, "running");
    let events = [running(1, 1), running(2, 2), running(1, 3), Event::Passes(60_000), running(2, 4)];
    assert_eq!(run(&events, &sized(5000, Some(POOL)), ms(0)).unwrap(), events.len() - 1);
}

#[test]
fn while_the_guard_holds_a_port_all_are_looked_at() {
    let events = [told(1, 1, "running"), told(1, 1, "stopped"), told(1, 1, "running"), told(2, 2, "running")];
    // Neither at first, nor after what is held.
    assert_eq!(run(&events, &sized(5000, Some(POOL)), ms(15_000)).unwrap(), 2);
}

#[test]
fn while_a_container_stays_as_it_was_all_are_looked_at() {
    let moved = [told(1, 1, "running"), told(1, 9, "stopped"), told(2, 1, "running")];
    let flaps = ["running", "stopped"].into_iter().cycle().take(5).map(|state| told(1, 9, state));
    // Where it was, somebody else is by now, with whom it has nothing in common any more.
    let events: Vec<_> = moved.into_iter().chain(flaps).chain([told(3, 3, "running")]).collect();
    // Neither at first nor for the last one.
    assert_eq!(run(&events, &sized(5000, Some(POOL)), ms(0)).unwrap(), events.len() - 2);
}
