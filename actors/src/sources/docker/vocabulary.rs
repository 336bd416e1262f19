//! The engine's words, and what they mean.

use bollard::models::{
    ContainerSummary, ContainerSummaryHealthStatusEnum as HealthStatus, ContainerSummaryStateEnum,
};

use crate::domain::{Health, Lifecycle, State};

/// A container's state. A paused container takes no new connections, and those that it has go on when it does.
pub(super) fn state(word: ContainerSummaryStateEnum) -> Option<State> {
    use ContainerSummaryStateEnum as Word;
    let lifecycle = match word {
        Word::EMPTY => return None,
        Word::RUNNING => Lifecycle::Running,
        Word::PAUSED | Word::STOPPING => Lifecycle::Stopping,
        // The engine takes the address from a container that restarts.
        Word::RESTARTING | Word::CREATED | Word::EXITED | Word::REMOVING | Word::DEAD => Lifecycle::Inactive,
    };
    Some(State::new(word.as_ref(), lifecycle))
}

/// What a container's health check says. Before version 1.52 of the API it is said for people alone, as in
/// `Up 3 minutes (health: starting)`.
pub(super) fn health(listed: &ContainerSummary) -> Option<Health> {
    if let Some(status) = listed.health.as_ref().and_then(|health| health.status) {
        return match status {
            HealthStatus::EMPTY | HealthStatus::NONE => None,
            HealthStatus::HEALTHY => Some(Health::Healthy),
            HealthStatus::STARTING | HealthStatus::UNHEALTHY => Some(Health::NotHealthy),
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
    use bollard::models::ContainerSummaryHealth;

    use super::*;

    fn health_of(status: &str, newer: Option<HealthStatus>) -> Option<Health> {
        let health =
            newer.map(|status| ContainerSummaryHealth { status: Some(status), failing_streak: None });
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
        assert_eq!(health_of("Up (unhealthy)", Some(HealthStatus::HEALTHY)), Some(Health::Healthy));
        assert_eq!(health_of("Up", Some(HealthStatus::STARTING)), Some(Health::NotHealthy));
        assert_eq!(health_of("Up (healthy)", Some(HealthStatus::NONE)), None);
    }

    #[test]
    fn only_what_runs_takes_new_connections() {
        let read = |word: &str| state(word.parse().unwrap());
        assert_eq!(read("running"), Some(State::new("running", Lifecycle::Running)));
        assert_eq!(read("paused"), Some(State::new("paused", Lifecycle::Stopping)));
        for word in ["created", "restarting", "exited", "removing", "dead"] {
            assert_eq!(read(word), Some(State::new(word, Lifecycle::Inactive)));
        }
        assert_eq!(read(""), None);
    }
}
