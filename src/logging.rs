//! The log: structured records on stdout, written by a thread of its own.
//!
//! A record passes a filter for its level, gets its time, and goes through a channel to one of two drains: JSON, one
//! object a line, or text for a terminal. The channel never blocks its sender: when it is full, records are dropped,
//! and their number is logged as soon as there is room.

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

/// How many records may wait for a slow stdout: some seconds of a busy HAProxy, in about 4 MiB.
const CHANNEL_SIZE: usize = 8192;

/// Which records are logged, and in which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The format of a record.
    pub(crate) format: Format,
    /// The least severe level that is logged.
    pub(crate) level: Level,
}

/// The format of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line: `ts`, `level`, `msg`, `actor`, then the data.
    Json,
    /// A readable line, in colours on a terminal.
    Term,
}

impl Format {
    /// The format with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "term" => Some(Self::Term),
            _ => None,
        }
    }
}

/// Starts logging to stdout. The root logger has the actor `main`; each actor takes a child with
/// `log.new(o!("actor" => "MetadataPoller"))`, and the innermost `actor` is written.
pub(crate) fn start(options: Options) -> (Logger, Pending) {
    match options.format {
        Format::Json => behind_channel(json_lines(io::stdout()), options.level),
        Format::Term => behind_channel(TermLines::on_stdout(), options.level),
    }
}

/// Ignores write errors: a closed stdout must not stop stalls, nor the thread that writes.
fn json_lines(out: impl Write + Send + 'static) -> impl Drain<Ok = (), Err = Never> + Send + 'static {
    JsonLines::new(out).ignore_res()
}

fn behind_channel(
    drain: impl Drain<Ok = (), Err = Never> + Send + 'static,
    level: Level,
) -> (Logger, Pending) {
    let (channel, guard) = Async::new(drain)
        .chan_size(CHANNEL_SIZE)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .thread_name("log".to_owned())
        .build_with_guard();
    let drain = LevelFilter::new(Stamped::new(channel), level).ignore_res();
    (Logger::root(drain, o!("actor" => "main")), Pending::new(guard))
}

#[cfg(test)]
mod tests;
