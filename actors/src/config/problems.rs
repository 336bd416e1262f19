//! What speaks against the newest configuration: said when it begins and when it ends, and reported meanwhile.

use slog::{Logger, error, info};
use tokio::time::Instant;

use super::{ConfigError, RenderError};
use crate::outage::Outage;

/// The problems of the newest configuration.
#[derive(Debug, Default)]
pub(super) struct Problems {
    newest: Option<String>,
    /// There is no frame for the newest plan.
    rendering: Outage,
    /// HAProxy has not accepted the last frame that it was asked about.
    checking: Outage,
}

impl Problems {
    /// The problem of the newest configuration, in words for a report.
    pub(super) fn newest(&self) -> Option<String> {
        self.newest.clone()
    }

    /// Whether there is no frame for the newest plan.
    pub(super) fn cannot_render(&self) -> bool {
        self.rendering.lasts()
    }

    /// Whether HAProxy has not accepted the last frame that it was asked about.
    pub(super) fn is_unaccepted(&self) -> bool {
        self.checking.lasts()
    }

    /// There is another frame, which nothing speaks against yet.
    pub(super) fn forget(&mut self) {
        self.newest = None;
    }

    /// The plan of this revision has a frame, or not.
    pub(super) fn note_rendered(&mut self, error: Option<&RenderError>, revision: u64, log: &Logger) {
        let now = Instant::now();
        if let Some(error) = error {
            self.newest = Some(format!("the configuration cannot be rendered: {error}"));
            if self.rendering.failed("render", now) {
                error!(log, "configuration cannot be rendered, the last good one stays";
                    "revision" => revision, "error" => %error);
            }
        } else if let Some(ended) = self.rendering.succeeded(now) {
            self.newest = None;
            info!(log, "configuration can be rendered again"; "revision" => revision,
                "lasted_ms" => ended.lasted.as_millis() as u64);
        }
    }

    /// HAProxy was asked about the frame of this revision, which is the newest or an older one.
    pub(super) fn note_checked(
        &mut self,
        error: Option<&ConfigError>,
        is_newest: bool,
        revision: u64,
        log: &Logger,
    ) {
        let now = Instant::now();
        if is_newest {
            self.newest = error.map(|error| format!("the configuration is not accepted: {error}"));
        }
        if let Some(error) = error {
            if self.checking.failed(error.kind(), now) || error.is_final() {
                error!(log, "configuration not accepted, the last good one stays";
                    "revision" => revision, "kind" => error.kind(), "error" => %error);
            }
        } else if let Some(ended) = self.checking.succeeded(now) {
            info!(log, "configuration is accepted again"; "lasted_ms" => ended.lasted.as_millis() as u64);
        }
    }
}
