//! Panics in the log.

use std::panic;

use slog::{Logger, crit};

/// From now on a panic in any thread is logged as one critical record, and not printed to stderr.
pub(crate) fn log_panics(log: &Logger) {
    let log = log.clone();
    panic::set_hook(Box::new(move |panicked| {
        let thread = std::thread::current();
        crit!(log, "panicked";
            "message" => panicked.payload_as_str().unwrap_or("payload is not a text"),
            "location" => panicked.location().map(ToString::to_string),
            "thread" => thread.name());
    }));
}
