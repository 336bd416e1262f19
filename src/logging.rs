//! The log: structured records on stdout, written by a thread of its own.
//!
//! A record's way: the level's filter, the time it is stamped with, a channel, and on the other side of
//! it one of two drains: JSON, one object a line, or text for a terminal. The channel never blocks who
//! logs: when it is full, records are dropped and their number is logged as soon as there is room.

mod fields;
mod json;
pub(crate) mod level;
mod panics;
mod pending;
mod stamp;
mod term;

use std::io::{self, Write};

use slog::{Drain, Level, LevelFilter, Logger, Never, o};
use slog_async::{Async, OverflowStrategy};

use self::{json::JsonLines, stamp::Stamped, term::TermLines};
pub(crate) use self::{panics::log_panics, pending::Pending};

/// Records that may wait for a slow stdout: some seconds of a busy HAProxy, in about 4 MiB.
const WAITING_RECORDS: usize = 8192;

/// Which records are logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How a record is written.
    pub(crate) format: Format,
    /// The least severe level that is logged.
    pub(crate) level: Level,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line: `ts`, `level`, `msg`, `actor`, then the data.
    Json,
    /// A line for people, in colours on a terminal.
    Term,
}

impl Format {
    /// The format that a person means by `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "term" => Some(Self::Term),
            _ => None,
        }
    }
}

/// Starts logging to stdout. The root logger is the actor `main`; an actor takes a child of it with
/// `log.new(o!("actor" => "MetadataPoller"))`, and the innermost `actor` is the one that is written.
pub(crate) fn start(options: Options) -> (Logger, Pending) {
    match options.format {
        Format::Json => behind_channel(json_lines(io::stdout()), options.level),
        Format::Term => behind_channel(TermLines::on_stdout(), options.level),
    }
}

/// What cannot be written is lost, in silence: a closed stdout must not end the work, nor the thread.
fn json_lines(out: impl Write + Send + 'static) -> impl Drain<Ok = (), Err = Never> + Send + 'static {
    JsonLines::new(out).ignore_res()
}

fn behind_channel(
    drain: impl Drain<Ok = (), Err = Never> + Send + 'static,
    level: Level,
) -> (Logger, Pending) {
    let (channel, guard) = Async::new(drain)
        .chan_size(WAITING_RECORDS)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .thread_name("log".to_owned())
        .build_with_guard();
    let drain = LevelFilter::new(Stamped::new(channel), level).ignore_res();
    (Logger::root(drain, o!("actor" => "main")), Pending::new(guard))
}

#[cfg(test)]
mod tests;
