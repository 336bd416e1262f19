//! What the supervisor reports, and what a person may ask of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use actix::{Message, MessageResponse};

use super::HaproxyCounters;
use crate::domain::Reason;

/// The admin side → `HaproxySupervisor`: is HAProxy at work, and on which ports is it not?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "HaproxyReport")]
pub struct ReportHaproxy;

/// What the supervisor answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct HaproxyReport {
    /// Whether it runs.
    pub state: HaproxyState,
    /// The socket of its runtime API, if it runs.
    pub socket: Option<PathBuf>,
    /// Its version, if it runs and says one.
    pub version: Option<String>,
    /// The ports that cannot be bound, each with the reason.
    pub excluded: BTreeMap<u16, Reason>,
    /// The ports that the newest plan leads to a container, and that HAProxy does not lead there yet.
    pub waiting: BTreeSet<u16>,
    /// The ports whose containers failed HAProxy's health check when that was last looked at.
    pub down: BTreeSet<u16>,
    /// How many processes drain after reloads.
    pub draining: usize,
    /// What has been counted.
    pub counters: HaproxyCounters,
}

/// Whether HAProxy is at work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HaproxyState {
    /// It serves.
    Running {
        /// Its process.
        pid: u32,
        /// The newest plan that is in force; `None` if an earlier stalls process left it behind and it has not been
        /// told anything yet.
        revision: Option<u64>,
        /// The newest plan, if that is another one.
        pending: Option<Pending>,
    },
    /// It is to serve and does not.
    Down {
        /// Why the last one died, was given up or failed to start; `None` if there has been none.
        failure: Option<String>,
    },
    /// There is nothing to serve: neither the metadata nor the memory has said which containers there are.
    #[default]
    NoPlan,
}

/// A plan that is not in force yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its revision.
    pub revision: u64,
    /// Why it waits, if that is known: what failed last.
    pub failure: Option<String>,
}

/// The admin side → `HaproxySupervisor`: end the connections on this port, because a person says so. Answers whether the
/// live HAProxy has the port. They end with the next action; the port stays as it is.
///
/// Those of processes that drain after a reload go on: such a process has no runtime API any more.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "bool")]
pub struct CutPort {
    /// The port.
    pub port: u16,
    /// The user who asks.
    pub uid: u32,
}
