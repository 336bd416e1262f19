//! A panic is a record like any other.

use std::panic;

use slog::{Logger, crit};

/// From now on a panic in any thread is one critical record, and stderr stays silent.
pub(crate) fn log_panics(log: &Logger) {
    let log = log.clone();
    panic::set_hook(Box::new(move |panicked| {
        let thread = std::thread::current();
        crit!(log, "panicked";
            "message" => panicked.payload_as_str().unwrap_or("a value that is no text"),
            "location" => panicked.location().map(ToString::to_string),
            "thread" => thread.name());
    }));
}
