//! The middle and the worst of what was measured several times.

use std::time::Duration;

use serde::Serialize;

/// Quantiles by nearest rank, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    /// How many were measured.
    pub(crate) count: usize,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Quantiles {
    /// `None` when nothing was measured.
    pub(crate) fn of(mut measured: Vec<Duration>) -> Option<Self> {
        measured.sort_unstable();
        let rank = |percent: usize| {
            let rank = (measured.len() * percent).div_ceil(100);
            measured.get(rank.checked_sub(1)?).map(|duration| duration.as_secs_f64() * 1000.0)
        };
        Some(Self { count: measured.len(), median_ms: rank(50)?, p99_ms: rank(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank() {
        let measured: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let expected = Quantiles { count: 200, median_ms: 100.0, p99_ms: 198.0 };
        assert_eq!(Quantiles::of(measured), Some(expected));
        let one = Quantiles { count: 1, median_ms: 7.0, p99_ms: 7.0 };
        assert_eq!(Quantiles::of(vec![Duration::from_millis(7)]), Some(one));
        assert_eq!(Quantiles::of(vec![]), None);
    }
}
