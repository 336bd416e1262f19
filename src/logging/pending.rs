//! What is logged and not written yet, when the process is about to end.

use std::{sync::mpsc, thread, time::Duration};

use slog_async::AsyncGuard;

/// Held by `main`: its `flush` comes last, after the last record.
#[must_use = "records are lost unless it is flushed at the end"]
pub(crate) struct Pending(AsyncGuard);

impl Pending {
    pub(super) fn new(guard: AsyncGuard) -> Self {
        Self(guard)
    }

    /// Waits until every record is written, but no longer than `within`: a stdout that nobody reads
    /// must not keep the process from ending. Says whether all were written. What is logged later is
    /// lost.
    pub(crate) fn flush(self, within: Duration) -> bool {
        let (written, all_written) = mpsc::channel();
        let wait = move || {
            drop(self.0); // Ends the channel, and joins the thread that writes.
            let _ = written.send(());
        };
        // Where no thread can be had, the failed spawn drops the guard, and waits without a bound.
        let _ = thread::Builder::new().name("log flush".to_owned()).spawn(wait);
        all_written.recv_timeout(within).is_ok()
    }
}
