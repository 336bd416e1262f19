//! The format for a terminal: one readable line a record.

use std::io;

use slog::{Drain, Never, OwnedKVList, Record};
use slog_term::{Decorator, FullFormat, TermDecorator};

use super::{fields::Fields, stamp};

/// slog-term's full format: time, level, message, fields. Its `use_original_order` panics when stdout is closed (2.9.2,
/// `Serializer::drop`), and `Fields` are in order anyway.
pub(super) struct TermLines<D: Decorator>(FullFormat<D>);

impl TermLines<TermDecorator> {
    /// Uses colours if stdout is a terminal. Ignores write errors.
    pub(super) fn on_stdout() -> impl Drain<Ok = (), Err = Never> + Send + 'static {
        Self::new(TermDecorator::new().stdout().build()).ignore_res()
    }
}

impl<D: Decorator> TermLines<D> {
    pub(super) fn new(decorator: D) -> Self {
        Self(FullFormat::new(decorator).build())
    }
}

impl<D: Decorator> Drain for TermLines<D> {
    type Ok = ();
    type Err = io::Error;

    fn log(&self, record: &Record<'_>, logger: &OwnedKVList) -> io::Result<()> {
        // slog-term writes a time of its own.
        let fields = Fields::of(record, logger)?.without(stamp::KEY).without_controls();
        fields.instead(record, |record, fields| self.0.log(record, fields))
    }
}
