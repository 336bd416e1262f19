//! The time of a record: when it was logged, not when a slow stdout took it.

use slog::{BorrowedKV, Drain, Key, OwnedKVList, Record, RecordStatic, SingleKV};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// The key of the time field.
pub(super) const KEY: Key = "ts";

/// RFC 3339 in UTC, with microseconds, since most steps of stalls take less than a millisecond. The texts sort by time.
const RFC_3339_MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// The current time, as `2026-11-22T18:03:00.123456Z`.
#[expect(clippy::disallowed_methods, reason = "people read it; no decision depends on it")]
pub(super) fn now() -> String {
    // Formatting fails on years past 9999 only.
    OffsetDateTime::now_utc().format(RFC_3339_MICROS).unwrap_or_default()
}

/// Adds the field `ts` to each record, and passes it to the inner drain.
#[derive(Debug)]
pub(super) struct Stamped<D>(D);

impl<D> Stamped<D> {
    pub(super) fn new(drain: D) -> Self {
        Self(drain)
    }
}

impl<D: Drain> Drain for Stamped<D> {
    type Ok = D::Ok;
    type Err = D::Err;

    fn log(&self, record: &Record<'_>, logger: &OwnedKVList) -> Result<D::Ok, D::Err> {
        let origin = RecordStatic { location: record.location(), level: record.level(), tag: record.tag() };
        let fields = (SingleKV(KEY, now()), record.kv());
        self.0.log(&Record::new(&origin, record.msg(), BorrowedKV(&fields)), logger)
    }
}
