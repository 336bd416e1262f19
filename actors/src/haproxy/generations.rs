//! The HAProxy processes that there are, and what each is for. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{slots::Slots, steps::Live};
use crate::config::{Frame, HaproxyConfig, Routes};

/// One HAProxy process.
#[derive(Clone, Debug)]
pub(super) struct Generation {
    pub(super) pid: u32,
    pub(super) role: Role,
    /// The newest revision that it serves; `None` if it was left behind by an earlier stalls and cannot be known.
    pub(super) revision: Option<u64>,
    /// What it was started with, if that is known.
    pub(super) frame: Option<Frame>,
    /// What it does with each port, as last seen or told.
    pub(super) slots: Slots,
    /// The routes that were found to be those slots. Whoever notes other slots forgets them.
    pub(super) agreed: Option<Routes>,
    /// Why it is not to be relied upon any more.
    pub(super) disagrees: Option<String>,
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
    Dying,
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

    /// The one that serves does what `config` says.
    pub(super) fn agree(&mut self, config: &HaproxyConfig) {
        let live = self.running.values_mut().find(|generation| generation.role == Role::Live);
        live.into_iter().for_each(|live| live.agreed = Some(config.routes.clone()));
    }

    /// Gives a generation another role.
    pub(super) fn turn(&mut self, number: u64, role: Role) -> Option<&Generation> {
        let generation = self.running.get_mut(&number)?;
        generation.role = role;
        Some(generation)
    }

    /// The one that serves.
    pub(super) fn live(&self) -> Option<(u64, &Generation)> {
        let live = self.running.iter().find(|(_, generation)| generation.role == Role::Live);
        live.map(|(number, generation)| (*number, generation))
    }

    /// What is known of the one that serves.
    pub(super) fn live_state(&self) -> Live<'_> {
        self.live().map_or(Live::None, |(_, generation)| Live::Running {
            frame: generation.frame.as_ref(),
            slots: &generation.slots,
            agreed: generation.agreed.as_ref(),
            disagrees: generation.disagrees.as_deref(),
        })
    }

    /// Whether any has this role.
    pub(super) fn any(&self, role: Role) -> bool {
        self.running.values().any(|generation| generation.role == role)
    }

    /// All that run.
    pub(super) fn all(&self) -> impl Iterator<Item = &Generation> {
        self.running.values()
    }

    /// The ports of all that run.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.all().flat_map(|generation| generation.slots.keys().copied()).collect()
    }

    /// The numbers of all that run.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.running.keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
