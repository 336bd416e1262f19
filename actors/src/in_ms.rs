//! Spans of time in the log.

use std::time::Duration;

/// Milliseconds to the microsecond, since most of what stalls does takes less than one.
pub(crate) fn in_ms(span: Duration) -> f64 {
    span.as_micros() as f64 / 1e3
}
