//! How soon a start or a reload may follow one that failed.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Backoff, FirstRetry};

/// A HAProxy that keeps failing needs a person; retries must not bury what it says.
const MAX_RESTART_PAUSE: Duration = Duration::from_secs(30);

/// A reload instead of an update is no failure, but a process more.
const MAX_FALLBACK_PAUSE: Duration = Duration::from_secs(2);

/// How long ports that can be bound again may have to wait for others, with which they share a reload.
const MAX_READMISSION_PAUSE: Duration = Duration::from_secs(5);

/// After this long without a death or a failed start, however many reloads there were, failures are forgotten.
pub(super) const HEALTHY: Duration = Duration::from_secs(30);

/// What has failed in a row, and whether the next start or reload has to wait.
#[derive(Debug)]
pub(super) struct Retry {
    restart: Backoff,
    fallback: Backoff,
    readmission: Backoff,
    /// Until when the next ports that can be bound again have to wait.
    readmit_after: Option<Instant>,
    rng: fastrand::Rng,
    /// Until when one has to wait.
    pub(super) paused_until: Option<Instant>,
    /// Whether one has served since the last failure, so that failures are to be forgotten in time.
    pub(super) is_recovering: bool,
}

impl Retry {
    /// No failure yet; the pauses' jitter follows from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            restart: Backoff::new(FirstRetry::Immediate, MAX_RESTART_PAUSE),
            fallback: Backoff::new(FirstRetry::Immediate, MAX_FALLBACK_PAUSE),
            readmission: Backoff::new(FirstRetry::Delayed, MAX_READMISSION_PAUSE),
            readmit_after: None,
            rng: fastrand::Rng::with_seed(seed),
            paused_until: None,
            is_recovering: false,
        }
    }

    /// The pause after a death, or after one more failed start.
    pub(super) fn after_failure(&mut self) -> Duration {
        self.restart.next_pause(&mut self.rng)
    }

    /// The pause before a reload that takes the place of an update.
    pub(super) fn after_fallback(&mut self) -> Duration {
        self.fallback.next_pause(&mut self.rng)
    }

    /// Ports that can be bound again are to be served, at the price of a reload: the more of these there were, the longer
    /// the next ones wait. `Err` tells for how long.
    pub(super) fn readmitted(&mut self, now: Instant) -> Result<(), Duration> {
        match self.readmit_after {
            Some(after) if now < after => Err(after - now),
            _ => {
                self.readmit_after = Some(now + self.readmission.next_pause(&mut self.rng));
                Ok(())
            }
        }
    }

    /// Forgets all failures.
    pub(super) fn reset(&mut self) {
        self.restart.reset();
        self.fallback.reset();
        self.readmission.reset();
    }
}
