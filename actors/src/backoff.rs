//! How long to wait before trying again.

use std::time::Duration;

/// The first span.
pub(crate) const INITIAL: Duration = Duration::from_millis(100);

/// Exponential backoff with jitter: each pause is drawn from the upper half of a span that doubles with
/// every failure, up to a ceiling.
///
/// The jitter keeps the hosts of one environment from retrying in step.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: FirstRetry,
    ceiling: Duration,
    failures: u32,
}

/// Whether the first retry waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstRetry {
    /// At once: for what rarely fails twice in a row.
    Immediate,
    /// Like all others.
    Delayed,
}

impl Backoff {
    /// Spans from [`INITIAL`] to `ceiling`, or always `INITIAL` if that is more.
    pub(crate) fn new(first: FirstRetry, ceiling: Duration) -> Self {
        Self { first, ceiling: ceiling.max(INITIAL), failures: 0 }
    }

    /// The pause after one more failure.
    pub(crate) fn next_pause(&mut self, rng: &mut fastrand::Rng) -> Duration {
        let doublings = match self.first {
            FirstRetry::Immediate => self.failures.checked_sub(1),
            FirstRetry::Delayed => Some(self.failures),
        };
        self.failures = self.failures.saturating_add(1);
        let Some(doublings) = doublings else { return Duration::ZERO };
        let span = INITIAL.saturating_mul(2_u32.saturating_pow(doublings)).min(self.ceiling);
        span.mul_f64(0.5 + rng.f64() / 2.0)
    }

    /// Forgets all failures.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::ms;

    #[test]
    fn the_first_retry_can_be_immediate_and_the_next_takes_the_initial_span() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut backoff = Backoff::new(FirstRetry::Immediate, ms(30_000));
        assert_eq!(backoff.next_pause(&mut rng), Duration::ZERO);
        let second = backoff.next_pause(&mut rng);
        assert!(ms(50) <= second && second <= ms(100), "{second:?}");
    }

    #[test]
    fn a_reset_starts_over() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut backoff = Backoff::new(FirstRetry::Delayed, ms(30_000));
        for _ in 0..10 {
            backoff.next_pause(&mut rng);
        }
        backoff.reset();
        assert!(backoff.next_pause(&mut rng) <= ms(100));
    }

    proptest! {
        #[test]
        fn pauses_stay_in_the_upper_half_of_a_span_that_doubles_to_the_ceiling(
            ceiling in 1..100_000_u64, failures in 1..100_usize, seed: u64,
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut backoff = Backoff::new(FirstRetry::Delayed, ms(ceiling));
            let (mut span, ceiling) = (100, ceiling.max(100));
            for _ in 0..failures {
                let pause = backoff.next_pause(&mut rng);
                prop_assert!(pause >= ms(span) / 2 && pause <= ms(span), "{pause:?} of {span} ms");
                span = (span * 2).min(ceiling);
            }
        }
    }
}
