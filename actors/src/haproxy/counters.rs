//! What the supervisor counts.

use super::action::Reason;
use crate::{counts::Counts, histogram::Histogram};

/// What the supervisor has counted since the start of stalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaproxyCounters {
    /// The reloads that led to a new process, by their reason.
    pub reloads: Counts,
    /// How often HAProxy was started anew after a plan had been in force.
    pub restarts: u64,
    /// How long it took from a plan that HAProxy had to be told of until the newest plan was in force. Plans that come
    /// meanwhile do not count on their own.
    pub in_force: Histogram,
}

impl Default for HaproxyCounters {
    fn default() -> Self {
        Self { reloads: Counts::of(&Reason::KINDS), restarts: 0, in_force: Histogram::default() }
    }
}
