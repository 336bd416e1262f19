//! How soon one start of HAProxy may follow another: one that keeps failing is started more and more seldom.

use std::time::Duration;

/// Half of the span of the first pause; each following one is twice as long.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Half of the longest.
const MAX_SHORTEST_PAUSE: Duration = Duration::from_secs(15);
/// After so long a time in which one has served and nothing has failed, the record is clean.
const HEALTHY: Duration = Duration::from_secs(30);

/// What has failed, and when the next start may be.
#[derive(Clone, Default)]
pub(super) struct Restarts {
    /// How often in a row.
    pub(super) failures: u32,
    /// Nothing is to be started any sooner.
    due: Duration,
    /// Since when one has served and nothing has failed.
    well_since: Option<Duration>,
    /// Which one ended last, and when, and how it was before.
    last_end: Option<(u64, Duration, Box<Self>)>,
}

impl Restarts {
    /// One has got to serve.
    pub(super) fn serves(&mut self, now: Duration) {
        self.well_since.get_or_insert(now);
    }

    /// One has not got to serve, or serves no more. The first time that may be mended at once.
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
            more => (SHORTEST_PAUSE * 2_u32.saturating_pow(more - 2)).min(MAX_SHORTEST_PAUSE),
        }
    }

    /// The one that served hangs and is killed. If a start had failed before, that was the same trouble.
    pub(super) fn is_killed(&mut self, now: Duration) {
        if self.well_since.is_some() {
            self.fails(now);
        } else {
            self.due = now + self.pause();
        }
    }

    /// The one that served ends. If something else had failed before, such as a reload, the pause was one that
    /// clients did not notice. Now they would, so it is over; as it is if stalls did not rely upon the one that ends.
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
        // Whoever takes over from one that ends in this moment has not noticed that yet.
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
