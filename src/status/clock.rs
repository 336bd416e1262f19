//! Points in time for people.

use std::time::Duration;

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tokio::time::Instant;
use utoipa::ToSchema;

const RFC_3339_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A point in time: RFC 3339 in UTC, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-27T12:50:17.123Z")]
pub(crate) struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// So long before now.
    #[expect(clippy::disallowed_methods, reason = "people read it; no decision depends on it")]
    pub(crate) fn seconds_ago(seconds: u64) -> Self {
        let ago = time::Duration::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        Self(OffsetDateTime::now_utc().saturating_sub(ago))
    }

    /// Seconds since 1970, with a fraction.
    pub(crate) fn unix_seconds(self) -> f64 {
        self.0.unix_timestamp_nanos() as f64 / 1e9
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Formatting fails on years past 9999 only.
        serializer.serialize_str(&self.0.format(RFC_3339_MILLIS).unwrap_or_default())
    }
}

/// Tells the wall time of an instant. It was read once: what people read of the past does not move when the wall clock
/// is set, and no two answers tell the same moment differently.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    wall: OffsetDateTime,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "people read it; no decision depends on it")]
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), wall: OffsetDateTime::now_utc() }
    }

    /// The wall time of this instant.
    pub(super) fn at(&self, instant: Instant) -> Timestamp {
        let wall = match instant.checked_duration_since(self.start) {
            Some(after) => self.wall + after,
            None => self.wall - (self.start - instant),
        };
        Timestamp(wall)
    }

    /// The wall time so long before this instant.
    pub(super) fn before(&self, instant: Instant, ago: Duration) -> Timestamp {
        Timestamp(self.at(instant).0 - ago)
    }
}
