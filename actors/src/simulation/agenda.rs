//! What is going to happen, by virtual time.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use tokio::sync::Notify;

use super::scene::Scene;

type Event = Box<dyn FnOnce(&Rc<Scene>)>;

/// Events to come. Those of one moment happen in the order in which they were entered.
#[derive(Default)]
pub(super) struct Agenda {
    events: RefCell<Events>,
    /// Rings when an event was entered that may be due earlier than all others.
    pub(super) bell: Notify,
}

#[derive(Default)]
struct Events {
    entered: u64,
    by_time: BTreeMap<(Duration, u64), Event>,
}

impl Agenda {
    pub(super) fn enter(&self, at: Duration, event: impl FnOnce(&Rc<Scene>) + 'static) {
        let mut events = self.events.borrow_mut();
        events.entered += 1;
        let key = (at, events.entered);
        events.by_time.insert(key, Box::new(event));
        self.bell.notify_one();
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.events.borrow().by_time.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next event that is due by `now`.
    pub(super) fn due(&self, now: Duration) -> Option<Event> {
        let mut events = self.events.borrow_mut();
        let first = events.by_time.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
