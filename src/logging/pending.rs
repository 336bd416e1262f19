//! Records that are logged but not written yet.

use std::{sync::mpsc, thread, time::Duration};

use slog_async::AsyncGuard;

/// The records that are not written yet. `main` flushes them after the last record.
#[must_use = "records are lost unless it is flushed at the end"]
pub(crate) struct Pending(AsyncGuard);

impl Pending {
    pub(super) fn new(guard: AsyncGuard) -> Self {
        Self(guard)
    }

    /// Waits until every record is written, at most `within`: a stdout that nobody reads must not keep the process from
    /// ending. Returns whether all records were written. Later records are lost.
    pub(crate) fn flush(self, within: Duration) -> bool {
        let (written, all_written) = mpsc::channel();
        let wait = move || {
            drop(self.0); // Closes the channel and joins the thread that writes.
            let _ = written.send(());
        };
        // If no thread can be started, the failed spawn drops the guard, which waits without a limit.
        let _ = thread::Builder::new().name("log flush".to_owned()).spawn(wait);
        all_written.recv_timeout(within).is_ok()
    }
}
