//! The engine's words, and what they mean.

use super::summary::ContainerSummary;
use crate::{
    domain::{Health, Lifecycle, State},
    excerpt::beginning,
};

/// A container's state. A paused container takes no new connections, and those that it has go on when it does.
pub(super) fn state(word: &str) -> Option<State> {
    let lifecycle = match word {
        "" => return None,
        "running" => Lifecycle::Running,
        "paused" | "stopping" => Lifecycle::Stopping,
        // `created`, `exited`, `removing`, `dead`, a word that is not known; and `restarting`: the engine takes the
        // address from a container that restarts.
        _ => Lifecycle::Inactive,
    };
    Some(State::new(beginning(word), lifecycle))
}

/// What a container's health check says. Before version 1.52 of the API it is said for people alone, as in
/// `Up 3 minutes (health: starting)`.
pub(super) fn health(listed: &ContainerSummary) -> Option<Health> {
    if let Some(status) = listed.health.as_ref().and_then(|health| health.status.as_deref()) {
        return match status {
            "healthy" => Some(Health::Healthy),
            "starting" | "unhealthy" => Some(Health::NotHealthy),
            _ => None,
        };
    }
    let (_, word) = listed.status.as_deref()?.strip_suffix(')')?.rsplit_once('(')?;
    match word {
        "healthy" => Some(Health::Healthy),
        // Podman's word is the last.
        "unhealthy" | "health: starting" | "starting" => Some(Health::NotHealthy),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::docker::summary::HealthSummary;

    fn health_of(status: &str, newer: Option<&str>) -> Option<Health> {
        let health = newer.map(|status| HealthSummary { status: Some(status.into()) });
        super::health(&ContainerSummary {
            status: Some(status.into()),
            health,
            ..ContainerSummary::default()
        })
    }

    #[test]
    fn health_is_read_from_the_text_of_an_older_engine() {
        assert_eq!(health_of("Up 3 minutes (healthy)", None), Some(Health::Healthy));
        assert_eq!(health_of("Up 3 minutes (unhealthy)", None), Some(Health::NotHealthy));
        assert_eq!(health_of("Up 1 second (health: starting)", None), Some(Health::NotHealthy));
        assert_eq!(health_of("Up 1 second (starting)", None), Some(Health::NotHealthy));
        for without in
            ["Up 3 minutes", "Up 3 minutes (Paused)", "Exited (0) 2 days ago", "", ")", "(healthy) or not"]
        {
            assert_eq!(health_of(without, None), None, "{without}");
        }
    }

    #[test]
    fn a_newer_engine_has_a_field_for_health() {
        assert_eq!(health_of("Up (unhealthy)", Some("healthy")), Some(Health::Healthy));
        assert_eq!(health_of("Up", Some("starting")), Some(Health::NotHealthy));
        assert_eq!(health_of("Up (healthy)", Some("none")), None);
    }

    #[test]
    fn only_what_runs_takes_new_connections() {
        assert_eq!(state("running"), Some(State::new("running", Lifecycle::Running)));
        assert_eq!(state("paused"), Some(State::new("paused", Lifecycle::Stopping)));
        for word in ["created", "restarting", "exited", "removing", "dead", "levitating"] {
            assert_eq!(state(word), Some(State::new(word, Lifecycle::Inactive)));
        }
        assert_eq!(state(""), None);
    }
}
