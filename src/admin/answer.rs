//! What is answered to whom. Pure.

use serde::Serialize;
use stalls_actors::messages::HaproxyReport;

use super::inquiry::{ANSWER_LIMIT, Findings, Silence};

/// Yes or no, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    haproxy_pid: Option<u32>,
    /// The newest plan that is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Answer {
    /// Whether every actor answers and HAProxy runs.
    pub(super) fn of_health(findings: &Findings) -> Self {
        let haproxy = findings.haproxy.and_then(why_it_does_not_run);
        Self::new(findings, ["healthy", "unhealthy"], haproxy)
    }

    /// Whether a plan is in force.
    pub(super) fn of_readiness(findings: &Findings) -> Self {
        let haproxy = findings.haproxy.and_then(|report| match report {
            HaproxyReport::Running { revision: None, .. } => {
                Some("HAProxy was left behind by an earlier stalls and has not been told anything yet")
            }
            report => why_it_does_not_run(report),
        });
        Self::new(findings, ["ready", "not_ready"], haproxy)
    }

    fn new(findings: &Findings, [yes, no]: [&'static str; 2], haproxy: Option<&str>) -> Self {
        let (haproxy_pid, revision) = match findings.haproxy {
            Some(HaproxyReport::Running { pid, revision }) => (Some(pid), revision),
            _ => (None, None),
        };
        let silent = findings.silent.iter().map(|(actor, silence)| match silence {
            Silence::Late => format!("{actor} did not answer within {} ms", ANSWER_LIMIT.as_millis()),
            Silence::Ended => format!("{actor} has ended"),
        });
        let reasons: Vec<_> = silent.chain(haproxy.map(str::to_owned)).collect();
        Self { status: if reasons.is_empty() { yes } else { no }, haproxy_pid, revision, reasons }
    }

    /// Whether it is a yes.
    pub(super) fn is_yes(&self) -> bool {
        self.reasons.is_empty()
    }
}

fn why_it_does_not_run(report: HaproxyReport) -> Option<&'static str> {
    match report {
        HaproxyReport::Running { .. } => None,
        HaproxyReport::Down => Some("HAProxy does not run; the log says why"),
        HaproxyReport::NoPlan => {
            Some("HAProxy does not run, since neither the metadata nor the memory has said who is there")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(haproxy: HaproxyReport) -> Findings {
        Findings { silent: vec![], haproxy: Some(haproxy) }
    }

    fn told(answer: &Answer) -> String {
        assert_eq!(answer.is_yes(), ["healthy", "ready"].contains(&answer.status));
        serde_json::to_string(answer).unwrap()
    }

    #[test]
    fn a_haproxy_that_serves_a_plan_is_well_and_ready() {
        let serves = findings(HaproxyReport::Running { pid: 7, revision: Some(3) });
        let rest = r#","haproxy_pid":7,"revision":3}"#;
        assert_eq!(told(&Answer::of_health(&serves)), format!(r#"{{"status":"healthy"{rest}"#));
        assert_eq!(told(&Answer::of_readiness(&serves)), format!(r#"{{"status":"ready"{rest}"#));
    }

    #[test]
    fn one_that_was_left_behind_is_well_and_not_ready() {
        let left_behind = findings(HaproxyReport::Running { pid: 7, revision: None });
        assert!(Answer::of_health(&left_behind).is_yes());
        let not_ready = told(&Answer::of_readiness(&left_behind));
        assert!(not_ready.starts_with(r#"{"status":"not_ready","haproxy_pid":7,"reasons":["#), "{not_ready}");
    }

    #[test]
    fn without_a_haproxy_it_is_neither() {
        for report in [HaproxyReport::Down, HaproxyReport::NoPlan] {
            let down = findings(report);
            let [health, readiness] =
                [Answer::of_health(&down), Answer::of_readiness(&down)].map(|a| told(&a));
            assert!(
                health.starts_with(r#"{"status":"unhealthy","reasons":["HAProxy does not run"#),
                "{health}"
            );
            assert!(readiness.starts_with(r#"{"status":"not_ready","reasons":["#), "{readiness}");
        }
    }

    #[test]
    fn each_actor_that_is_silent_is_told() {
        let silent = vec![("PortAllocator", Silence::Late), ("HaproxySupervisor", Silence::Ended)];
        assert_eq!(
            told(&Answer::of_health(&Findings { silent, haproxy: None })),
            r#"{"status":"unhealthy","reasons":["PortAllocator did not answer within 1000 ms","HaproxySupervisor has ended"]}"#
        );
    }
}
