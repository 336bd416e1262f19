//! Everything around stalls, and the time that passes there.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    rc::Rc,
    time::Duration,
};

use tokio::time::timeout_at;

use super::{
    agenda::Agenda,
    disk::Disk,
    faults::{Fault, Faults},
    host::Host,
    settled::Settled,
    setup::Setup,
    trace::Trace,
    watch::Watch,
    world::World,
};
use crate::testing::ms;

/// The surroundings of stalls: they outlive it, and all fakes share them. All chance comes from one seed.
pub(super) struct Scene {
    pub(super) setup: Setup,
    pub(super) agenda: Agenda,
    pub(super) world: RefCell<World>,
    pub(super) host: RefCell<Host>,
    pub(super) disk: RefCell<Disk>,
    pub(super) faults: RefCell<Faults>,
    pub(super) watch: RefCell<Watch>,
    pub(super) settled: RefCell<Settled>,
    pub(super) trace: Trace,
    /// What is to become of stalls next; `None` while it runs on.
    pub(super) order: Cell<Option<Order>>,
    rng: RefCell<fastrand::Rng>,
}

/// What becomes of stalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It is killed: all its actors are gone in the same moment.
    Crash,
    /// It is told to stop, as by SIGTERM.
    Stop,
}

impl Scene {
    pub(super) fn new(seed: u64) -> Rc<Self> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let setup = Setup::draw(seed, &mut rng);
        Rc::new(Self {
            agenda: Agenda::default(),
            world: RefCell::new(World::default()),
            host: RefCell::default(),
            disk: RefCell::default(),
            faults: RefCell::new(Faults::draw(&mut rng)),
            watch: RefCell::new(Watch::new(&setup)),
            settled: RefCell::default(),
            trace: Trace::begin(),
            order: Cell::new(None),
            setup,
            rng: RefCell::new(rng),
        })
    }

    // === chance ===

    pub(super) fn chance(&self, probability: f64) -> bool {
        self.rng.borrow_mut().f64() < probability
    }

    /// A number of this range.
    pub(super) fn draw(&self, range: Range<u64>) -> u64 {
        self.rng.borrow_mut().u64(range)
    }

    /// As many milliseconds.
    pub(super) fn draw_ms(&self, range: Range<u64>) -> Duration {
        ms(self.draw(range))
    }

    /// One of these, if there is any.
    pub(super) fn choose<T: Clone>(&self, among: &[T]) -> Option<T> {
        self.rng.borrow_mut().choice(among).cloned()
    }

    pub(super) fn shuffle<T>(&self, items: &mut [T]) {
        self.rng.borrow_mut().shuffle(items);
    }

    /// Whether the source's answer has this fault.
    pub(super) fn source_fails(&self, fault: Fault) -> bool {
        let strikes = self.faults.borrow_mut().strikes(fault, self.now());
        if strikes {
            self.source_failed();
        }
        strikes
    }

    // === time ===

    pub(super) fn now(&self) -> Duration {
        self.trace.now()
    }

    /// Has `event` happen after this time.
    pub(super) fn after(&self, time: Duration, event: impl FnOnce(&Rc<Self>) + 'static) {
        self.agenda.enter(self.now() + time, event);
    }

    /// Lets time pass until `end`, or until an invariant is broken or `is_enough`.
    pub(super) async fn pass_until(self: &Rc<Self>, end: Duration, is_enough: impl Fn() -> bool) {
        loop {
            while let Some(event) = self.agenda.due(self.now()) {
                event(self);
                if is_enough() || self.trace.violation().is_some() {
                    return;
                }
            }
            if is_enough() || self.trace.violation().is_some() || self.now() >= end {
                return;
            }
            let next = self.agenda.next().map_or(end, |next| next.min(end));
            // Either is fine: an event is due, or a new one may be.
            let _ = timeout_at(self.trace.moment(next), self.agenda.bell.notified()).await;
        }
    }
}
