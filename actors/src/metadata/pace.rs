//! How soon the source may be asked again.

use std::time::Duration;

/// Rounds that may follow each other without a pause: changes that come in a burst are followed at once.
const BURST: u32 = 20;
/// Lasting pace when every answer tells of a change, as from two servers behind one address that never agree.
const REFILL: Duration = Duration::from_millis(100);

/// A token bucket for the rounds that found a change.
#[derive(Debug)]
pub(crate) struct Pace {
    tokens: f64,
    at: Duration,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { tokens: f64::from(BURST), at: Duration::ZERO }
    }

    /// The pause after a round that found a change and ended at `now` (since any fixed moment).
    pub(crate) fn after_change(&mut self, now: Duration) -> Duration {
        let refilled = now.saturating_sub(self.at).as_secs_f64() / REFILL.as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + refilled).min(f64::from(BURST)) - 1.0;
        if self.tokens < 0.0 { REFILL.mul_f64(-self.tokens) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_endless_change_is_slowed() {
        let mut pace = Pace::new();
        let mut now = Duration::ZERO;
        let mut rounds = 0;
        while now < Duration::from_secs(10) {
            let pause = pace.after_change(now);
            rounds += 1;
            assert!(rounds > BURST || pause.is_zero());
            now += pause;
        }
        assert!(rounds <= BURST + 101, "{rounds}");
        now += Duration::from_secs(5);
        assert_eq!(pace.after_change(now), Duration::ZERO);
    }
}
