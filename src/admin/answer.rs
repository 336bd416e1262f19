//! What is answered to whom. Pure.

use std::time::Duration;

use rangemap::RangeInclusiveSet;
use serde::Serialize;
use stalls_actors::messages::{AllocationReport, HaproxyReport};

use super::inquiry::{ANSWER_LIMIT, Findings, Silence};

/// Yes or no, what for, and what else a person would want to know then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    status: &'static str,
    /// Why it is a no.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    haproxy_pid: Option<u32>,
    /// The newest plan that is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// For how long the metadata has been slow, wrong or away.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_fault_for_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
}

/// Ports that stay as they are although the metadata says that their containers are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Held {
    /// Each run of them as its first and its last one.
    ports: Vec<(u16, u16)>,
    for_ms: u64,
}

impl Answer {
    /// Whether every actor answers and HAProxy runs.
    pub(super) fn of_health(findings: &Findings) -> Self {
        let haproxy = findings.supervisor.as_ref().ok().and_then(why_it_does_not_run);
        Self::new(findings, ["healthy", "unhealthy"], haproxy)
    }

    /// Whether a plan is in force.
    pub(super) fn of_readiness(findings: &Findings) -> Self {
        let haproxy = findings.supervisor.as_ref().ok().and_then(|report| match report {
            HaproxyReport::Running { revision: None, .. } => {
                Some("haproxy was left behind by an earlier stalls and has not been told anything yet".into())
            }
            report => why_it_does_not_run(report),
        });
        Self::new(findings, ["ready", "not_ready"], haproxy)
    }

    fn new(findings: &Findings, [yes, no]: [&'static str; 2], haproxy: Option<String>) -> Self {
        let silences = [
            ("MetadataPoller", findings.poller.as_ref().err()),
            ("PortAllocator", findings.allocator.as_ref().err()),
            ("ConfigWriter", findings.writer.as_ref().err()),
            ("HaproxySupervisor", findings.supervisor.as_ref().err()),
        ];
        let silent = silences.into_iter().filter_map(|(actor, silence)| match silence? {
            Silence::Late => Some(format!("{actor} did not answer within {} ms", ANSWER_LIMIT.as_millis())),
            Silence::Ended => Some(format!("{actor} has ended")),
        });
        let reasons: Vec<_> = silent.chain(haproxy).collect();
        let (haproxy_pid, revision) = match findings.supervisor {
            Ok(HaproxyReport::Running { pid, revision }) => (Some(pid), revision),
            _ => (None, None),
        };
        Self {
            status: if reasons.is_empty() { yes } else { no },
            reasons,
            haproxy_pid,
            revision,
            metadata_fault_for_ms: findings.poller.ok().and_then(|report| report.fault_for).map(in_ms),
            held: findings.allocator.as_ref().ok().and_then(held),
        }
    }

    /// Whether it is a yes.
    pub(super) fn is_yes(&self) -> bool {
        self.reasons.is_empty()
    }
}

fn why_it_does_not_run(report: &HaproxyReport) -> Option<String> {
    match report {
        HaproxyReport::Running { .. } => None,
        HaproxyReport::Down { failure: Some(failure) } => Some(failure.clone()),
        HaproxyReport::Down { failure: None } => Some("haproxy is not up yet".into()),
        HaproxyReport::NoPlan => {
            Some("haproxy is not started before the metadata or the memory says who is there".into())
        }
    }
}

fn held(report: &AllocationReport) -> Option<Held> {
    let runs: RangeInclusiveSet<u16> = report.held_ports.iter().map(|port| *port..=*port).collect();
    let ports = runs.iter().map(|run| (*run.start(), *run.end())).collect();
    Some(Held { ports, for_ms: in_ms(report.held_for?) })
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use stalls_actors::messages::MetadataReport;

    use super::*;

    fn findings(haproxy: HaproxyReport) -> Findings {
        Findings {
            poller: Ok(MetadataReport::default()),
            allocator: Ok(AllocationReport::default()),
            writer: Ok(()),
            supervisor: Ok(haproxy),
        }
    }

    const SERVES: HaproxyReport = HaproxyReport::Running { pid: 7, revision: Some(3) };

    fn told(answer: &Answer) -> String {
        assert_eq!(answer.is_yes(), ["healthy", "ready"].contains(&answer.status));
        serde_json::to_string(answer).unwrap()
    }

    #[test]
    fn a_haproxy_that_serves_a_plan_is_well_and_ready() {
        let serves = findings(SERVES);
        let rest = r#","haproxy_pid":7,"revision":3}"#;
        assert_eq!(told(&Answer::of_health(&serves)), format!(r#"{{"status":"healthy"{rest}"#));
        assert_eq!(told(&Answer::of_readiness(&serves)), format!(r#"{{"status":"ready"{rest}"#));
    }

    #[test]
    fn one_that_was_left_behind_is_well_and_not_ready() {
        let left_behind = findings(HaproxyReport::Running { pid: 7, revision: None });
        assert!(Answer::of_health(&left_behind).is_yes());
        let not_ready = told(&Answer::of_readiness(&left_behind));
        assert!(not_ready.starts_with(r#"{"status":"not_ready","reasons":["#), "{not_ready}");
        assert!(not_ready.ends_with(r#"],"haproxy_pid":7}"#), "{not_ready}");
    }

    #[test]
    fn without_a_haproxy_it_is_neither() {
        let died = HaproxyReport::Down { failure: Some("haproxy died: signal 9".into()) };
        for (report, why) in [
            (died, "haproxy died: signal 9"),
            (HaproxyReport::Down { failure: None }, "haproxy is not up yet"),
            (HaproxyReport::NoPlan, "haproxy is not started before "),
        ] {
            let down = findings(report);
            let [health, readiness] =
                [Answer::of_health(&down), Answer::of_readiness(&down)].map(|answer| told(&answer));
            assert!(health.starts_with(&format!(r#"{{"status":"unhealthy","reasons":["{why}"#)), "{health}");
            assert!(
                readiness.starts_with(&format!(r#"{{"status":"not_ready","reasons":["{why}"#)),
                "{readiness}"
            );
        }
    }

    #[test]
    fn each_actor_that_is_silent_is_told() {
        let silent = Findings {
            poller: Err(Silence::Ended),
            allocator: Err(Silence::Late),
            writer: Err(Silence::Late),
            supervisor: Err(Silence::Ended),
        };
        assert_eq!(
            Answer::of_health(&silent).reasons,
            [
                "MetadataPoller has ended",
                "PortAllocator did not answer within 1000 ms",
                "ConfigWriter did not answer within 1000 ms",
                "HaproxySupervisor has ended",
            ]
        );
    }

    #[test]
    fn what_is_held_and_for_how_long_the_metadata_is_away_is_told_and_makes_nobody_ill() {
        let held_ports = [5000, 5001, 5002, 5007].into();
        let findings = Findings {
            poller: Ok(MetadataReport { fault_for: Some(Duration::from_secs(9)) }),
            allocator: Ok(AllocationReport { held_ports, held_for: Some(Duration::from_millis(1_500)) }),
            ..findings(SERVES)
        };
        assert_eq!(
            told(&Answer::of_health(&findings)),
            r#"{"status":"healthy","haproxy_pid":7,"revision":3,"metadata_fault_for_ms":9000,"#.to_owned()
                + r#""held":{"ports":[[5000,5002],[5007,5007]],"for_ms":1500}}"#
        );
    }
}
