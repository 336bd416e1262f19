//! How long something took, each time, as Prometheus wants to know it.

use std::time::Duration;

/// The upper bounds of the buckets. HAProxy is told of a change within milliseconds, so the first ones tell these apart; a
/// reload takes some tenths of a second; what fails is tried again after pauses of up to 30 s, which the last ones tell
/// from what lasts.
pub const BOUNDS: [Duration; 15] = [
    Duration::from_micros(1_000),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// How often something took how long since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How often it took as long as the bound, and longer than the one before.
    buckets: [u64; BOUNDS.len()],
    /// How often it took longer than the last bound.
    beyond: u64,
    sum: Duration,
}

impl Histogram {
    /// Once more, and this long.
    pub(crate) fn observe(&mut self, took: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < took);
        *self.buckets.get_mut(bucket).unwrap_or(&mut self.beyond) += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Each bound, and how often it took as long at most.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> {
        BOUNDS.into_iter().zip(&self.buckets).scan(0, |total, (bound, count)| {
            *total += count;
            Some((bound, *total))
        })
    }

    /// How often in total.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.beyond
    }

    /// How long in total.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::default();
        for took in [1_000, 1_001, 60_000_000, 60_000_001] {
            histogram.observe(Duration::from_micros(took));
        }
        let counts: Vec<_> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!((counts[0], counts[1], counts[13], counts[14]), (1, 2, 2, 3));
        assert_eq!(histogram.count(), 4);
    }

    proptest! {
        #[test]
        fn each_bucket_has_what_took_as_long_at_most(took in prop::collection::vec(0..100_000_000_u64, 0..200)) {
            let took: Vec<_> = took.into_iter().map(Duration::from_micros).collect();
            let mut histogram = Histogram::default();
            took.iter().for_each(|took| histogram.observe(*took));
            for (bound, count) in histogram.cumulative() {
                prop_assert_eq!(count, took.iter().filter(|took| **took <= bound).count() as u64);
            }
            prop_assert_eq!(histogram.count(), took.len() as u64);
            prop_assert_eq!(histogram.sum(), took.iter().sum::<Duration>());
        }
    }
}
