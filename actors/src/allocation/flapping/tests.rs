//! One container that goes from one state to the next.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    domain::{Container, PublishedPorts, Snapshot},
    testing::{container, ms, snapshot},
};

/// One container, seen in one state after the other.
struct Seen {
    damper: FlapDamper,
    last: Snapshot,
    now: u64,
}

impl Seen {
    fn new(state: Option<&str>) -> Self {
        Self { damper: FlapDamper::default(), last: moment(state), now: 0 }
    }

    /// After some milliseconds it is in this state; `None` if it is gone.
    fn sees(&mut self, after: u64, state: Option<&str>) {
        self.passes(after);
        let next = moment(state);
        self.damper.follow(&next.changes_since(&self.last), ms(self.now));
        self.last = next;
    }

    fn passes(&mut self, time: u64) {
        self.now += time;
        self.damper.expire(ms(self.now));
    }

    /// Crashes and is started again: three changes.
    fn crashes(&mut self, after: u64) {
        for state in ["stopped", "starting", "running"] {
            self.sees(after / 3, Some(state));
        }
    }

    fn damped(&self) -> Option<bool> {
        self.damper.damped("a").map(|damped| damped.was_serving)
    }

    fn penalties(&mut self) -> Vec<u64> {
        let news = self.damper.take_news().into_iter();
        let length = |news| match news {
            FlapNews::Damped { penalty, .. } => penalty.as_secs(),
            FlapNews::Steady { .. } => 0,
        };
        news.map(length).collect()
    }
}

fn moment(state: Option<&str>) -> Snapshot {
    let container = state
        .map(|state| Container { state: Some(crate::testing::state(state)), ..container("a", 1, Some(1)) });
    snapshot(container, PublishedPorts::default())
}

#[test]
fn a_crash_loop_leaves_the_port_as_it_was() {
    let mut seen = Seen::new(Some("running"));
    seen.crashes(3_000);
    assert_eq!(seen.damped(), None, "once is no loop");
    seen.crashes(3_000);
    assert_eq!(seen.damped(), Some(true));
    let news = seen.damper.take_news();
    let (uuid, name) = ("a".into(), "app-a".into());
    assert_eq!(news, [FlapNews::Damped { uuid, name, is_mapped: true, penalty: FIRST_PENALTY }]);
}

#[test]
fn a_container_that_could_not_serve_before_does_not_while_it_flaps() {
    let mut seen = Seen::new(Some("created"));
    seen.sees(0, Some("starting"));
    for _ in 0..2 {
        seen.sees(1_000, Some("running"));
        seen.sees(1_000, Some("stopped"));
        seen.sees(1_000, Some("starting"));
    }
    assert_eq!(seen.damped(), Some(false));
}

#[test]
fn a_life_from_its_beginning_to_its_end_is_not_damped_however_short() {
    let mut seen = Seen::new(None);
    for state in
        [Some("starting"), Some("running"), Some("updating-running"), Some("stopping"), Some("stopped"), None]
    {
        seen.sees(100, state);
    }
    assert_eq!((seen.damped(), seen.penalties()), (None, vec![]));
}

#[test]
fn to_be_missing_is_no_change_of_state() {
    let mut seen = Seen::new(Some("running"));
    for _ in 0..20 {
        seen.sees(100, None);
        seen.sees(100, Some("running"));
    }
    assert_eq!((seen.damped(), seen.penalties()), (None, vec![]));
}

#[test]
fn slow_changes_are_not_damped() {
    let mut seen = Seen::new(Some("running"));
    for _ in 0..50 {
        seen.crashes(18_300);
    }
    assert_eq!(seen.penalties(), [] as [u64; 0]);
}

#[test]
fn a_steady_container_is_released_and_the_next_penalty_is_longer() {
    let mut seen = Seen::new(Some("running"));
    (0..2).for_each(|_| seen.crashes(300));
    assert_eq!(seen.damper.next_change(), Some(ms(600) + FIRST_PENALTY));
    seen.passes(30_000);
    assert_eq!((seen.damped(), seen.damper.next_change()), (None, None));
    (0..2).for_each(|_| seen.crashes(300));
    assert_eq!(seen.penalties(), [30, 0, 60]);
}

#[test]
fn a_container_that_goes_on_flapping_is_damped_for_longer_and_longer_but_not_for_ever() {
    let mut seen = Seen::new(Some("running"));
    (0..1_000).for_each(|_| seen.crashes(3_000));
    let penalties = seen.penalties();
    assert_eq!(penalties[..6], [30, 60, 120, 240, 480, 480]);
    assert_eq!(seen.damped(), Some(true));
    seen.passes(480_000);
    seen.passes(480_000);
    assert_eq!(seen.damped(), None);
}

#[test]
fn after_a_long_calm_a_penalty_is_a_first_one_and_nothing_is_left() {
    let mut seen = Seen::new(Some("running"));
    (0..2).for_each(|_| seen.crashes(300));
    seen.passes(30_000);
    seen.passes(1_800_000);
    assert!(seen.damper.histories.is_empty());
    (0..2).for_each(|_| seen.crashes(300));
    assert_eq!(seen.penalties(), [30, 0, 30]);
}

proptest! {
    #[test]
    fn a_damped_container_is_where_it_was_and_is_released_once_it_is_steady(
        states in vec((0..20_000_u64, select(vec![None, Some("running"), Some("stopped"), Some("starting")])), 0..60),
    ) {
        let mut seen = Seen::new(Some("running"));
        let mut damped = None;
        for (after, state) in states {
            seen.sees(after, state);
            let was = std::mem::replace(&mut damped, seen.damped());
            prop_assert!(was.is_none() || damped.is_none() || was == damped, "{was:?} became {damped:?}");
            let entry = seen.damper.histories.get("a");
            prop_assert!(entry.is_none_or(|history| history.changes.len() <= MAX_CHANGES + 1));
        }
        // The penalty under way may have to be prolonged once for what has happened in it.
        seen.passes(480_000);
        seen.passes(480_000);
        prop_assert_eq!(seen.damped(), None);
    }
}
