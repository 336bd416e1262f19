//! Containers that change their state again and again stay as they were until they are steady. Pure.
//!
//! A container in a crash loop would otherwise have its port opened and closed, and its connections cut, several times
//! a minute, on every host.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use super::eligibility::{can_serve, usable_address};
use crate::metadata::{Change, Container};

/// More changes than these within [`WINDOW`] are too many. A whole life, from the creation to the removal, has five.
const MOST_CHANGES: usize = 5;
const WINDOW: Duration = Duration::from_secs(30);
/// How long a container has to be steady the first time; twice as long each time after that.
const FIRST_HOLD: Duration = Duration::from_secs(30);
const LONGEST_HOLD: Duration = Duration::from_secs(480);
/// After this long without a hold, the next one is a first one.
const FORGOTTEN: Duration = Duration::from_secs(1800);

/// What is known of the containers that have changed their state lately.
#[derive(Debug, Default)]
pub(crate) struct Flaps {
    followed: BTreeMap<Arc<str>, Followed>,
    news: Vec<FlapNews>,
}

#[derive(Debug, Default)]
struct Followed {
    name: Arc<str>,
    /// The latest changes: when, and where the container was to be reached before, if it could serve.
    changes: VecDeque<(Duration, Option<IpAddr>)>,
    hold: Option<SteadyHold>,
    /// The length of the last hold, and when it ended or will end.
    last: Option<(Duration, Duration)>,
}

/// A container stays as it was.
#[derive(Debug)]
struct SteadyHold {
    /// Where it is to be reached; `None` if it could not serve.
    at: Option<IpAddr>,
    until: Duration,
    /// Whether it has not changed since this hold began or was prolonged.
    is_steady: bool,
}

/// The beginning, the prolongation or the end of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FlapNews {
    /// The container stays as it was until it has been steady for `hold`.
    Held { uuid: Arc<str>, name: Arc<str>, is_mapped: bool, hold: Duration },
    /// It was steady for long enough.
    Steady { uuid: Arc<str>, name: Arc<str> },
}

impl Flaps {
    /// Takes note of what has changed.
    pub(super) fn follow(&mut self, changes: &[Change], allow_loopback: bool, now: Duration) {
        for Change { was, is } in changes {
            let (was, is) = (was.as_deref(), is.as_deref());
            let Some(container) = is.or(was).filter(|container| !container.uuid.is_empty()) else { continue };
            if was.map(Container::stage) == is.map(Container::stage) {
                continue;
            }
            let followed = self.followed.entry(Arc::clone(&container.uuid)).or_default();
            followed.name = Arc::clone(&container.name);
            let serving = was.filter(|was| can_serve(was));
            let before = serving.and_then(|was| usable_address(was, allow_loopback).ok());
            if followed.note(before, now) {
                self.news.push(followed.news(&container.uuid));
            }
        }
        self.expire(now);
    }

    /// Lets go of who has been steady for long enough, and forgets what is long past.
    pub(super) fn expire(&mut self, now: Duration) {
        for (uuid, followed) in &mut self.followed {
            if followed.hold.as_ref().is_some_and(|hold| hold.until <= now) {
                followed.end_hold(now);
                self.news.push(followed.news(uuid));
            }
            followed.forget(now);
        }
        self.followed.retain(|_, f| f.hold.is_some() || f.last.is_some() || !f.changes.is_empty());
    }

    /// Whether the container stays as it was, and where it is to be reached then, if anywhere.
    pub(super) fn held(&self, uuid: &str) -> Option<Option<IpAddr>> {
        self.followed.get(uuid)?.hold.as_ref().map(|hold| hold.at)
    }

    /// Whether any container stays as it was.
    pub(super) fn holds_any(&self) -> bool {
        self.followed.values().any(|followed| followed.hold.is_some())
    }

    /// When a hold ends or is prolonged.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.followed.values().filter_map(|followed| Some(followed.hold.as_ref()?.until)).min()
    }

    /// What has happened since this was asked last.
    pub(super) fn take_news(&mut self) -> Vec<FlapNews> {
        std::mem::take(&mut self.news)
    }
}

impl Followed {
    /// Takes note of a change; tells whether a hold begins with it.
    fn note(&mut self, before: Option<IpAddr>, now: Duration) -> bool {
        self.forget(now);
        self.changes.push_back((now, before));
        if let Some(hold) = &mut self.hold {
            hold.is_steady = false;
            self.changes.pop_front();
            return false;
        }
        let is_flapping = self.changes.len() > MOST_CHANGES;
        if is_flapping {
            let at = self.changes.front().and_then(|(_, before)| *before);
            self.hold(at, now);
        }
        is_flapping
    }

    fn hold(&mut self, at: Option<IpAddr>, now: Duration) {
        let length = self.last.map_or(FIRST_HOLD, |(last, _)| (last * 2).min(LONGEST_HOLD));
        self.last = Some((length, now + length));
        self.hold = Some(SteadyHold { at, until: now + length, is_steady: true });
    }

    fn end_hold(&mut self, now: Duration) {
        match self.hold.take() {
            Some(SteadyHold { at, is_steady: false, .. }) => self.hold(at, now),
            _ => self.changes.clear(),
        }
    }

    fn forget(&mut self, now: Duration) {
        while self.hold.is_none() && self.changes.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.changes.pop_front();
        }
        self.last = self.last.filter(|(_, end)| now < *end + FORGOTTEN);
    }

    fn news(&self, uuid: &Arc<str>) -> FlapNews {
        let (uuid, name) = (Arc::clone(uuid), Arc::clone(&self.name));
        match (&self.hold, self.last) {
            (Some(hold), Some((length, _))) => {
                FlapNews::Held { uuid, name, is_mapped: hold.at.is_some(), hold: length }
            }
            _ => FlapNews::Steady { uuid, name },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::{
        metadata::{PublishedPorts, Snapshot},
        testing::{container, ms, snapshot},
    };

    const A: &str = "10.42.0.2";

    /// One container, seen in one state after the other.
    struct Seen {
        flaps: Flaps,
        last: Snapshot,
        now: u64,
    }

    impl Seen {
        fn new(state: Option<&str>) -> Self {
            Self { flaps: Flaps::default(), last: moment(state), now: 0 }
        }

        /// After some milliseconds it is in this state; `None` if it is gone.
        fn sees(&mut self, after: u64, state: Option<&str>) {
            self.passes(after);
            let next = moment(state);
            self.flaps.follow(&next.changes_since(&self.last), false, ms(self.now));
            self.last = next;
        }

        fn passes(&mut self, time: u64) {
            self.now += time;
            self.flaps.expire(ms(self.now));
        }

        /// Crashes and is started again: three changes.
        fn crashes(&mut self, after: u64) {
            for state in ["stopped", "starting", "running"] {
                self.sees(after / 3, Some(state));
            }
        }

        fn held(&self) -> Option<Option<String>> {
            self.flaps.held("a").map(|at| at.map(|address| address.to_string()))
        }

        fn holds(&mut self) -> Vec<u64> {
            let news = self.flaps.take_news().into_iter();
            let length = |news| match news {
                FlapNews::Held { hold, .. } => hold.as_secs(),
                FlapNews::Steady { .. } => 0,
            };
            news.map(length).collect()
        }
    }

    fn moment(state: Option<&str>) -> Snapshot {
        let container =
            state.map(|state| Container { state: Some(state.into()), ..container("a", 1, Some(1)) });
        snapshot(container, PublishedPorts::default())
    }

    #[test]
    fn a_crash_loop_leaves_the_port_as_it_was() {
        let mut seen = Seen::new(Some("running"));
        seen.crashes(3_000);
        assert_eq!(seen.held(), None, "once is no loop");
        seen.crashes(3_000);
        assert_eq!(seen.held(), Some(Some(A.into())));
        let news = seen.flaps.take_news();
        let (uuid, name) = ("a".into(), "app-a".into());
        assert_eq!(news, [FlapNews::Held { uuid, name, is_mapped: true, hold: FIRST_HOLD }]);
    }

    #[test]
    fn who_could_not_serve_before_does_not_while_it_flaps() {
        let mut seen = Seen::new(None);
        seen.sees(0, Some("starting"));
        for _ in 0..2 {
            seen.sees(1_000, Some("running"));
            seen.sees(1_000, Some("stopped"));
            seen.sees(1_000, Some("starting"));
        }
        assert_eq!(seen.held(), Some(None));
    }

    #[test]
    fn a_life_from_its_beginning_to_its_end_is_not_held_however_short() {
        let mut seen = Seen::new(None);
        for state in [
            Some("starting"),
            Some("running"),
            Some("updating-running"),
            Some("stopping"),
            Some("stopped"),
            None,
        ] {
            seen.sees(100, state);
        }
        assert_eq!((seen.held(), seen.holds()), (None, vec![]));
    }

    #[test]
    fn slow_changes_are_not_held() {
        let mut seen = Seen::new(Some("running"));
        for _ in 0..50 {
            seen.crashes(18_300);
        }
        assert_eq!(seen.holds(), [] as [u64; 0]);
    }

    #[test]
    fn who_has_been_steady_is_let_go_and_the_next_hold_is_longer() {
        let mut seen = Seen::new(Some("running"));
        (0..2).for_each(|_| seen.crashes(300));
        assert_eq!(seen.flaps.next_change(), Some(ms(600) + FIRST_HOLD));
        seen.passes(30_000);
        assert_eq!((seen.held(), seen.flaps.next_change()), (None, None));
        (0..2).for_each(|_| seen.crashes(300));
        assert_eq!(seen.holds(), [30, 0, 60]);
    }

    #[test]
    fn who_goes_on_flapping_is_held_for_longer_and_longer_but_not_for_ever() {
        let mut seen = Seen::new(Some("running"));
        (0..1_000).for_each(|_| seen.crashes(3_000));
        let holds = seen.holds();
        assert_eq!(holds[..6], [30, 60, 120, 240, 480, 480]);
        assert_eq!(seen.held(), Some(Some(A.into())));
        seen.passes(480_000);
        seen.passes(480_000);
        assert_eq!(seen.held(), None);
    }

    #[test]
    fn after_a_long_calm_a_hold_is_a_first_one_and_nothing_is_left() {
        let mut seen = Seen::new(Some("running"));
        (0..2).for_each(|_| seen.crashes(300));
        seen.passes(30_000);
        seen.passes(1_800_000);
        assert!(seen.flaps.followed.is_empty());
        (0..2).for_each(|_| seen.crashes(300));
        assert_eq!(seen.holds(), [30, 0, 30]);
    }

    proptest! {
        #[test]
        fn a_held_container_is_where_it_was_and_is_let_go_once_it_is_steady(
            states in vec((0..20_000_u64, select(vec![None, Some("running"), Some("stopped"), Some("starting")])), 0..60),
        ) {
            let mut seen = Seen::new(Some("running"));
            let mut held = None;
            for (after, state) in states {
                seen.sees(after, state);
                let was = std::mem::replace(&mut held, seen.held());
                prop_assert!(was.is_none() || held.is_none() || was == held, "{was:?} became {held:?}");
                let entry = seen.flaps.followed.get("a");
                prop_assert!(entry.is_none_or(|followed| followed.changes.len() <= MOST_CHANGES + 1));
            }
            // The hold under way may have to be prolonged once for what has happened in it.
            seen.passes(480_000);
            seen.passes(480_000);
            prop_assert_eq!(seen.held(), None);
        }
    }
}
