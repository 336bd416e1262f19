//! What happened, in the order in which it happened, and the first thing that must not have happened.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use slog::{Drain, KV, Key, Logger, Never, OwnedKVList, Record, Serializer};
use tokio::time::Instant;

/// The story of one run; its copies are the same story. It has no time but the virtual one, so that two runs of
/// one seed tell it in the same bytes.
#[derive(Clone)]
pub(super) struct Trace {
    start: Instant,
    story: Arc<Mutex<Story>>,
}

#[derive(Default)]
struct Story {
    text: String,
    violation: Option<String>,
}

impl Trace {
    /// A story that begins now.
    pub(super) fn begin() -> Self {
        Self { start: Instant::now(), story: Arc::default() }
    }

    /// Since the beginning.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The moment that is this long after the beginning.
    pub(super) fn moment(&self, at: Duration) -> Instant {
        self.start + at
    }

    pub(super) fn say(&self, line: impl AsRef<str>) {
        let now = self.now();
        let text = &mut self.story.lock().unwrap().text;
        writeln!(text, "{:4}.{:03} {}", now.as_secs(), now.subsec_millis(), line.as_ref()).unwrap();
    }

    /// An invariant is broken. Only the first violation counts.
    pub(super) fn violate(&self, what: impl Into<String>) {
        let what = what.into();
        self.say(format!("VIOLATED: {what}"));
        self.story.lock().unwrap().violation.get_or_insert(what);
    }

    pub(super) fn violation(&self) -> Option<String> {
        self.story.lock().unwrap().violation.clone()
    }

    pub(super) fn text(&self) -> String {
        self.story.lock().unwrap().text.clone()
    }

    /// A logger whose lines are part of the story.
    pub(super) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), slog::o!())
    }
}

impl Drain for Trace {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        let mut fields = Fields(format!("  {} {}", record.level().as_short_str(), record.msg()));
        record.kv().serialize(record, &mut fields).and(values.serialize(record, &mut fields)).unwrap();
        self.say(fields.0);
        Ok(())
    }
}

struct Fields(String);

impl Serializer for Fields {
    fn emit_arguments(&mut self, key: Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
        write!(self.0, " {key}={value}").map_err(slog::Error::from)
    }
}
