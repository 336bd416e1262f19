//! The HAProxy processes that there are, and what each is for. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{known_faults::Version, port_state::Ports};
use crate::config::FrameDigest;

/// One HAProxy process.
#[derive(Clone, Debug)]
pub(super) struct Generation {
    /// `None` until it has been launched.
    pub(super) pid: Option<u32>,
    pub(super) role: Role,
    /// `None` until it has said it.
    pub(super) version: Option<Version>,
    /// The newest revision that it serves; `None` if an earlier stalls process left it behind and that cannot be known.
    pub(super) revision: Option<u64>,
    /// What it was started with, if that is known.
    pub(super) frame: Option<FrameDigest>,
    /// What it does with each port, as last seen or told.
    pub(super) ports: Ports,
    /// Why it is not to be relied upon any more.
    pub(super) desync: Option<String>,
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Started, not serving yet; at most one.
    Starting,
    /// Serving; at most one.
    Live,
    /// Listening no more, kept for its connections.
    Draining,
    /// Told to end at once, not gone yet.
    Terminating,
    /// It drained, and has to end at once, since too many do. It holds no port.
    Expelled,
}

/// All processes, by number. A number is never used twice.
#[derive(Debug, Default)]
pub(super) struct Generations {
    running: BTreeMap<u64, Generation>,
    newest: u64,
}

impl Generations {
    /// A number higher than that of every generation so far.
    pub(super) fn next_number(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    pub(super) fn insert(&mut self, number: u64, generation: Generation) {
        self.newest = self.newest.max(number);
        self.running.insert(number, generation);
        let with = |role| self.running.values().filter(|generation| generation.role == role).count();
        debug_assert!(with(Role::Live) <= 1 && with(Role::Starting) <= 1, "{self:?}");
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Generation> {
        self.running.remove(&number)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Generation> {
        self.running.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Generation> {
        self.running.get_mut(&number)
    }

    /// The number of the one that serves.
    pub(super) fn live(&self) -> Option<u64> {
        self.with(Role::Live)
    }

    /// The number of one with this role.
    pub(super) fn with(&self, role: Role) -> Option<u64> {
        self.running.iter().find(|(_, generation)| generation.role == role).map(|(number, _)| *number)
    }

    /// The numbers of all with this role, the oldest first.
    pub(super) fn numbers_with(&self, role: Role) -> Vec<u64> {
        self.running.iter().filter(|(_, it)| it.role == role).map(|(number, _)| *number).collect()
    }

    /// The one that serves.
    pub(super) fn live_one(&self) -> Option<&Generation> {
        self.get(self.live()?)
    }

    /// What the one that serves was started with, if that is known.
    pub(super) fn live_frame(&self) -> Option<&FrameDigest> {
        self.live_one()?.frame.as_ref()
    }

    /// All that run.
    pub(super) fn all(&self) -> impl Iterator<Item = &Generation> {
        self.running.values()
    }

    /// The ports of all that run.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.all().flat_map(|generation| generation.ports.keys().copied()).collect()
    }

    /// The numbers of all that run.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.running.keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
