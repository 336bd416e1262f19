//! Rancher's words, and what they mean (rancher/cattle, the states of instances).

use crate::domain::{Health, Lifecycle, State};

/// A container's `state`.
pub(crate) fn state(text: &str) -> State {
    State::new(text, lifecycle(text))
}

/// What a container's `state` means.
pub(super) fn lifecycle(state: &str) -> Lifecycle {
    match state {
        "running" => Lifecycle::Running,
        _ if state.starts_with("updating-") => Lifecycle::Running,
        "starting" | "restarting" => Lifecycle::Starting,
        "stopping" => Lifecycle::Stopping,
        _ => Lifecycle::Inactive,
    }
}

/// A container's `health_state`.
pub(crate) fn health(text: &str) -> Health {
    if matches!(text, "healthy" | "updating-healthy") { Health::Healthy } else { Health::NotHealthy }
}
