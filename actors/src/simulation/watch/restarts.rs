//! How soon one start of HAProxy may follow another: the more starts fail in a row, the longer the pauses.

use std::time::Duration;

/// The least that the first pause lasts; each following one is twice as long.
const FIRST_PAUSE_MIN: Duration = Duration::from_millis(50);
/// The least that the longest pause lasts.
const LONGEST_PAUSE_MIN: Duration = Duration::from_secs(15);
/// After so long a time in which one has served and nothing has failed, earlier failures no longer count.
const HEALTHY: Duration = Duration::from_secs(30);

/// How many starts have failed, and when the next start may be.
#[derive(Clone, Default)]
pub(super) struct Restarts {
    /// The failures in a row.
    pub(super) failures: u32,
    /// Nothing is to be started any sooner.
    due: Duration,
    /// Since when one has served and nothing has failed.
    well_since: Option<Duration>,
    /// Which one ended last, and when, and how it was before.
    last_end: Option<(u64, Duration, Box<Self>)>,
}

impl Restarts {
    /// A HAProxy has begun to serve.
    pub(super) fn serves(&mut self, now: Duration) {
        self.well_since.get_or_insert(now);
    }

    /// A HAProxy has failed to start, or no longer serves. After a first failure the next start may follow at once.
    pub(super) fn fails(&mut self, now: Duration) {
        if self.well_since.take().is_some_and(|since| since + HEALTHY <= now) {
            self.failures = 0;
        }
        self.failures += 1;
        self.due = now + self.pause();
    }

    fn pause(&self) -> Duration {
        match self.failures {
            0 | 1 => Duration::ZERO,
            more => (FIRST_PAUSE_MIN * 2_u32.saturating_pow(more - 2)).min(LONGEST_PAUSE_MIN),
        }
    }

    /// The HAProxy that served hangs and is killed. If a start had failed before, both count as one failure.
    pub(super) fn is_killed(&mut self, now: Duration) {
        if self.well_since.is_some() {
            self.fails(now);
        } else {
            self.due = now + self.pause();
        }
    }

    /// The HAProxy that served ends. If something else had failed before, such as a reload, clients did not notice
    /// the pause. Now they would, so the pause is over; so it is if stalls did not rely upon the process that ends.
    pub(super) fn ends(&mut self, generation: u64, was_relied_upon: bool, now: Duration) {
        let before = Self { last_end: None, ..self.clone() };
        self.last_end = Some((generation, now, before.into()));
        if was_relied_upon && self.well_since.is_some() {
            self.fails(now);
        } else {
            self.due = now;
        }
    }

    /// Whether one may be started that takes over the sockets of `inherit`.
    pub(super) fn may_start(&mut self, inherit: Option<u64>, now: Duration) -> Result<(), String> {
        // A start that takes over sockets from a process which ends at this moment was decided before that end.
        if let Some((ended, at, before)) = self.last_end.take()
            && (inherit, now) == (Some(ended), at)
        {
            *self = *before;
        }
        if now < self.due {
            let early = self.due - now;
            return Err(format!("HAProxy is started {early:?} too early after {} failures", self.failures));
        }
        Ok(())
    }
}
