//! Tells that what the actors report may differ from what they reported last.

use std::sync::Arc;

use tokio::sync::Notify;

/// Noted by each actor after anything that its report may show, and awaited by the admin side, which then asks for the
/// reports. To note it costs an actor nothing, however often that is, and nobody has to listen.
#[derive(Clone, Debug, Default)]
pub struct ReportsChanged(Arc<Notify>);

impl ReportsChanged {
    /// Something may differ.
    pub(crate) fn note(&self) {
        self.0.notify_one();
    }

    /// Waits until something may differ from what it was when this last returned.
    pub async fn noted(&self) {
        self.0.notified().await;
    }
}
