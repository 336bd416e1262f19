//! What may go wrong, and when.
//!
//! A run is a sequence of storms and calms. Each seed has some kinds of faults only: a run in which everything fails
//! all the time does not get anywhere (swarm testing).

use std::{collections::BTreeMap, time::Duration};

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    // The source.
    Unreachable,
    Status,
    NotFound,
    Slow,
    Garbage,
    WrongDocument,
    /// An older version, as after a restart of the server. It is no fault of a list that is proof, as the next two are none.
    OlderVersion,
    /// An answer that lacks all containers, some, or where they are.
    NoContainers,
    HalfOfTheContainers,
    NoAddresses,
    // The disk, and the HAProxy that checks.
    ConfigFails,
    ConfigSlow,
    StateNotSaved,
    // A HAProxy that starts.
    DiesAtStart,
    MuteAtStart,
    Missing,
    SlowStart,
    // A HAProxy that is told something.
    LateAnswer,
    LosesCommand,
    RefusesCommand,
    DiesAmidCommands,
    HangsAmidCommands,
    AddressStuck,
    // What happens all of a sudden.
    HaproxyDies,
    HaproxyHangs,
    HaproxyToldToDrain,
    HaproxyChanged,
    PortTaken,
    StallsCrashes,
    StallsStops,
    StateUnreadable,
}

impl Fault {
    pub(super) const ALL: [Self; 31] = [
        Self::Unreachable,
        Self::Status,
        Self::NotFound,
        Self::Slow,
        Self::Garbage,
        Self::WrongDocument,
        Self::OlderVersion,
        Self::NoContainers,
        Self::HalfOfTheContainers,
        Self::NoAddresses,
        Self::ConfigFails,
        Self::ConfigSlow,
        Self::StateNotSaved,
        Self::DiesAtStart,
        Self::MuteAtStart,
        Self::Missing,
        Self::SlowStart,
        Self::LateAnswer,
        Self::LosesCommand,
        Self::RefusesCommand,
        Self::DiesAmidCommands,
        Self::HangsAmidCommands,
        Self::AddressStuck,
        Self::HaproxyDies,
        Self::HaproxyHangs,
        Self::HaproxyToldToDrain,
        Self::HaproxyChanged,
        Self::PortTaken,
        Self::StallsCrashes,
        Self::StallsStops,
        Self::StateUnreadable,
    ];
}

/// The kinds of faults of this run, and those that are possible now.
pub(super) struct Faults {
    kinds: Vec<Fault>,
    /// Until when, and how likely each time.
    windows: BTreeMap<Fault, (Duration, f64)>,
    rng: fastrand::Rng,
}

impl Faults {
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Self {
        let mut rng = rng.fork();
        let share = rng.f64();
        let kinds = Fault::ALL.into_iter().filter(|_| rng.f64() < share).collect();
        Self { kinds, windows: BTreeMap::new(), rng }
    }

    /// One of this run's kinds, if it has any.
    pub(super) fn any(&mut self) -> Option<Fault> {
        self.rng.choice(&self.kinds).copied()
    }

    /// From now on each occasion may bring this fault.
    pub(super) fn open(&mut self, fault: Fault, until: Duration) {
        let chance = if self.rng.bool() { 1.0 } else { self.rng.f64() };
        self.windows.insert(fault, (until, chance));
    }

    /// Whether it strikes on this occasion.
    pub(super) fn strikes(&mut self, fault: Fault, now: Duration) -> bool {
        let chance = self.windows.get(&fault).filter(|(until, _)| now < *until).map(|(_, chance)| *chance);
        chance.is_some_and(|chance| self.rng.f64() < chance)
    }

    /// Whether it is possible now.
    pub(super) fn is_open(&self, fault: Fault, now: Duration) -> bool {
        self.windows.get(&fault).is_some_and(|(until, _)| now < *until)
    }
}
