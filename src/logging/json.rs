//! The JSON format: one object a line.

use std::io::{self, BufWriter, Write};

use slog::{Drain, OwnedKVList, Record, Serializer};
use slog_json::Json;

use super::{fields::Fields, level, stamp};

/// A line of up to this many bytes is written in one system call.
const LINE_BYTES: usize = 16 * 1024;

/// Writes `ts`, `level`, `msg` and `actor` first, then the other fields in order.
pub(super) struct JsonLines<W: Write>(Json<BufWriter<W>>);

impl<W: Write> JsonLines<W> {
    pub(super) fn new(out: W) -> Self {
        Self(Json::new(BufWriter::with_capacity(LINE_BYTES, out)).set_flush(true).build())
    }
}

impl<W: Write> Drain for JsonLines<W> {
    type Ok = ();
    type Err = io::Error;

    fn log(&self, record: &Record<'_>, logger: &OwnedKVList) -> io::Result<()> {
        let data = Fields::of(record, logger)?;
        // The channel's own report of dropped records has no time.
        let ts = data.text(stamp::KEY).map_or_else(stamp::now, str::to_owned);
        let mut fields = Fields::default();
        fields.emit_str(stamp::KEY, &ts)?;
        fields.emit_str("level", level::name(record.level()))?;
        fields.emit_arguments("msg", record.msg())?;
        if let Some(actor) = data.text("actor") {
            fields.emit_str("actor", actor)?;
        }
        fields.append(data);
        fields.instead(record, |record, fields| self.0.log(record, fields))
    }
}
