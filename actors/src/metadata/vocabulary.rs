//! Rancher's words, and what they mean (rancher/cattle, the states of instances).

use crate::domain::{Health, Lifecycle, State};

/// A container's `state`.
pub(crate) fn state(text: &str) -> State {
    let lifecycle = match text {
        "running" => Lifecycle::Running,
        _ if text.starts_with("updating-") => Lifecycle::Running,
        "starting" | "restarting" => Lifecycle::Starting,
        "stopping" => Lifecycle::Stopping,
        _ => Lifecycle::Inactive,
    };
    State::new(text, lifecycle)
}

/// A container's `health_state`.
pub(crate) fn health(text: &str) -> Health {
    if matches!(text, "healthy" | "updating-healthy") { Health::Healthy } else { Health::NotHealthy }
}
