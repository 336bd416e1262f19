//! The responses of the admin server, as pure functions of what the actors report.

use std::time::Duration;

use rangemap::RangeInclusiveSet;
use serde::Serialize;
use stalls_actors::messages::{AllocationReport, HaproxyReport, HaproxyState, MetadataReport, Pending};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::health_probe::{ActorError, ActorReports, TIMEOUT};

/// The body of a response: the verdict, its reasons, and what else a person wants to know then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct HealthResponse {
    status: &'static str,
    /// Why the status is a bad one; empty if it is a good one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    haproxy_pid: Option<u32>,
    /// The revision of the newest plan that is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// How long the metadata, or those of a service, have been slow, wrong or unavailable; the longest time.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_fault_for_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lingering: Option<Lingering>,
    /// The services of which no container is mapped, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nothing_mapped: Vec<String>,
    /// The newest plan, if HAProxy runs with an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<NotInForce>,
    /// Why the newest configuration cannot be rendered, or HAProxy does not accept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    config_problem: Option<String>,
}

/// A plan that is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct NotInForce {
    revision: u64,
    /// What failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

/// Ports that keep their containers although these are missing in the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Lingering {
    /// The first and the last port of each run.
    ports: Vec<(u16, u16)>,
    for_ms: u64,
}

impl HealthResponse {
    /// `/healthz`: whether every actor answers and HAProxy runs.
    pub(super) fn of_health(reports: &ActorReports) -> Self {
        let haproxy = reports.supervisor.as_ref().ok().and_then(reason_not_running);
        Self::new(reports, ["healthy", "unhealthy"], haproxy)
    }

    /// `/readyz`: whether a plan is in force.
    pub(super) fn of_readiness(reports: &ActorReports) -> Self {
        let haproxy = reports.supervisor.as_ref().ok().and_then(|report| match &report.state {
            HaproxyState::Running { revision: None, .. } => Some(
                "haproxy was started by an earlier stalls process and has not received a plan yet".into(),
            ),
            _ => reason_not_running(report),
        });
        Self::new(reports, ["ready", "not_ready"], haproxy)
    }

    fn new(reports: &ActorReports, [good, bad]: [&'static str; 2], haproxy: Option<String>) -> Self {
        let errors = [
            ("MetadataPoller", reports.poller.as_ref().err()),
            ("PortAllocator", reports.allocator.as_ref().err()),
            ("ConfigWriter", reports.writer.as_ref().err()),
            ("HaproxySupervisor", reports.supervisor.as_ref().err()),
        ];
        let failed = errors.into_iter().filter_map(|(actor, error)| match error? {
            ActorError::Timeout => Some(format!("{actor} did not answer within {} ms", TIMEOUT.as_millis())),
            ActorError::Stopped => Some(format!("{actor} has stopped")),
        });
        let config_problem = reports.writer.as_ref().ok().and_then(|report| report.problem.clone());
        let is_down =
            reports.supervisor.as_ref().is_ok_and(|it| matches!(it.state, HaproxyState::Down { .. }));
        // Without a configuration HAProxy does not come to run.
        let unconfigured = config_problem.clone().filter(|_| is_down);
        let reasons: Vec<_> = failed.chain(haproxy).chain(unconfigured).collect();
        let (haproxy_pid, revision, pending) = match reports.supervisor.as_ref().map(|it| &it.state) {
            Ok(HaproxyState::Running { pid, revision, pending }) => (Some(*pid), *revision, pending.clone()),
            _ => (None, None, None),
        };
        Self {
            status: if reasons.is_empty() { good } else { bad },
            reasons,
            haproxy_pid,
            revision,
            metadata_fault_for_ms: reports
                .poller
                .as_ref()
                .ok()
                .and_then(MetadataReport::oldest_fault)
                .map(|fault| in_ms(reports.at.saturating_duration_since(fault.since))),
            lingering: reports.allocator.as_ref().ok().and_then(|it| lingering(it, reports.at)),
            nothing_mapped: reports.allocator.as_ref().map(nothing_mapped).unwrap_or_default(),
            pending: pending.map(|Pending { revision, failure }| NotInForce { revision, failure }),
            config_problem,
        }
    }

    /// Whether the status is a good one.
    pub(super) fn is_ok(&self) -> bool {
        self.reasons.is_empty()
    }
}

fn reason_not_running(report: &HaproxyReport) -> Option<String> {
    match &report.state {
        HaproxyState::Running { .. } => None,
        HaproxyState::Down { failure: Some(failure) } => Some(failure.clone()),
        HaproxyState::Down { failure: None } => Some("haproxy is not running yet".into()),
        HaproxyState::NoPlan => Some(
            "haproxy is not started until the metadata or the saved assignments list the containers".into(),
        ),
    }
}

/// The services of which no container is mapped, each with the reason.
fn nothing_mapped(report: &AllocationReport) -> Vec<String> {
    let why = report.pools.iter().filter_map(|pool| Some((&pool.service, pool.nothing_mapped.as_ref()?)));
    why.map(|(service, reason)| format!("{service}: {reason}")).collect()
}

fn lingering(report: &AllocationReport, now: Instant) -> Option<Lingering> {
    let runs: RangeInclusiveSet<u16> = report.lingering().map(|(port, _)| port..=port).collect();
    let ports = runs.iter().map(|run| (*run.start(), *run.end())).collect();
    let first = report.lingering().map(|(_, until)| until).min()?;
    Some(Lingering { ports, for_ms: in_ms(first.saturating_duration_since(now)) })
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use stalls_actors::{
        allocation::Hold,
        domain::{Reason, ServiceRef},
        messages::{ConfigReport, Held, PoolReport, SourceFault},
    };

    use super::*;

    fn reports(state: HaproxyState) -> ActorReports {
        ActorReports {
            poller: Ok(MetadataReport::default()),
            allocator: Ok(AllocationReport::default()),
            writer: Ok(ConfigReport::default()),
            supervisor: Ok(HaproxyReport { state, ..HaproxyReport::default() }),
            at: Instant::now(),
        }
    }

    const SERVES: HaproxyState = HaproxyState::Running { pid: 7, revision: Some(3), pending: None };

    fn json(response: &HealthResponse) -> String {
        assert_eq!(response.is_ok(), ["healthy", "ready"].contains(&response.status));
        serde_json::to_string(response).unwrap()
    }

    #[test]
    fn a_haproxy_that_serves_a_plan_is_healthy_and_ready() {
        let serves = reports(SERVES);
        let rest = r#","haproxy_pid":7,"revision":3}"#;
        assert_eq!(json(&HealthResponse::of_health(&serves)), format!(r#"{{"status":"healthy"{rest}"#));
        assert_eq!(json(&HealthResponse::of_readiness(&serves)), format!(r#"{{"status":"ready"{rest}"#));
    }

    #[test]
    fn an_adopted_haproxy_without_a_plan_is_healthy_and_not_ready() {
        let adopted = reports(HaproxyState::Running { pid: 7, revision: None, pending: None });
        assert!(HealthResponse::of_health(&adopted).is_ok());
        let not_ready = json(&HealthResponse::of_readiness(&adopted));
        assert!(not_ready.starts_with(r#"{"status":"not_ready","reasons":["#), "{not_ready}");
        assert!(not_ready.ends_with(r#"],"haproxy_pid":7}"#), "{not_ready}");
    }

    #[test]
    fn without_a_haproxy_stalls_is_neither() {
        let died = HaproxyState::Down { failure: Some("haproxy died: signal 9".into()) };
        for (report, why) in [
            (died, "haproxy died: signal 9"),
            (HaproxyState::Down { failure: None }, "haproxy is not running yet"),
            (HaproxyState::NoPlan, "haproxy is not started until "),
        ] {
            let down = reports(report);
            let [health, readiness] = [HealthResponse::of_health(&down), HealthResponse::of_readiness(&down)]
                .map(|response| json(&response));
            assert!(health.starts_with(&format!(r#"{{"status":"unhealthy","reasons":["{why}"#)), "{health}");
            assert!(
                readiness.starts_with(&format!(r#"{{"status":"not_ready","reasons":["{why}"#)),
                "{readiness}"
            );
        }
    }

    #[test]
    fn a_configuration_that_is_not_accepted_is_the_reason_where_nothing_runs() {
        let problem = Some("the configuration is not accepted: no".to_owned());
        let rejected = ActorReports {
            writer: Ok(ConfigReport { problem }),
            ..reports(HaproxyState::Down { failure: Some("haproxy failed to start: exit code 1".into()) })
        };
        for response in [HealthResponse::of_health(&rejected), HealthResponse::of_readiness(&rejected)] {
            assert_eq!(
                response.reasons,
                ["haproxy failed to start: exit code 1", "the configuration is not accepted: no"]
            );
        }
    }

    #[test]
    fn a_newer_plan_that_is_not_in_force_is_reported_and_does_not_count() {
        let pending = Some(Pending { revision: 4, failure: Some("haproxy failed to start: no".into()) });
        let rejected = ActorReports {
            writer: Ok(ConfigReport { problem: Some("the configuration is not accepted: no".into()) }),
            ..reports(HaproxyState::Running { pid: 7, revision: Some(3), pending })
        };
        assert_eq!(
            json(&HealthResponse::of_health(&rejected)),
            r#"{"status":"healthy","haproxy_pid":7,"revision":3,"#.to_owned()
                + r#""pending":{"revision":4,"failure":"haproxy failed to start: no"},"#
                + r#""config_problem":"the configuration is not accepted: no"}"#
        );
    }

    #[test]
    fn each_actor_that_does_not_answer_is_a_reason() {
        let failed = ActorReports {
            poller: Err(ActorError::Stopped),
            allocator: Err(ActorError::Timeout),
            writer: Err(ActorError::Timeout),
            supervisor: Err(ActorError::Stopped),
            at: Instant::now(),
        };
        assert_eq!(
            HealthResponse::of_health(&failed).reasons,
            [
                "MetadataPoller has stopped",
                "PortAllocator did not answer within 1000 ms",
                "ConfigWriter did not answer within 1000 ms",
                "HaproxySupervisor has stopped",
            ]
        );
    }

    #[test]
    fn lingering_ports_and_a_metadata_fault_are_reported_and_do_not_count() {
        let now = Instant::now();
        let held = Held {
            by: Hold::Lingering,
            since: None,
            until: now + Duration::from_millis(1_500),
            uuid: "a".into(),
            at_most: Duration::ZERO,
        };
        let held = [5000, 5001, 5002, 5007].map(|port| (port, held.clone())).into();
        let service = ServiceRef { stack: None, service: "web".into() };
        let nothing_mapped = Some(Reason::new("no_containers", "scale it up"));
        let fault = SourceFault {
            since: now - Duration::from_secs(9),
            reason: Reason::new("unreachable", "cannot be reached"),
        };
        let reports = ActorReports {
            poller: Ok(MetadataReport {
                has_answered: true,
                fault: Some(fault),
                ..MetadataReport::default()
            }),
            allocator: Ok(AllocationReport {
                plan: None,
                pools: vec![PoolReport { service, snapshot: None, nothing_mapped, held }],
            }),
            at: now,
            ..reports(SERVES)
        };
        assert_eq!(
            json(&HealthResponse::of_health(&reports)),
            r#"{"status":"healthy","haproxy_pid":7,"revision":3,"metadata_fault_for_ms":9000,"#.to_owned()
                + r#""lingering":{"ports":[[5000,5002],[5007,5007]],"for_ms":1500},"#
                + r#""nothing_mapped":["web: scale it up"]}"#
        );
    }
}
