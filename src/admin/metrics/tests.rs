//! The whole page, as Prometheus gets it.

use std::{collections::BTreeMap, num::NonZeroU16, sync::Arc};

use stalls_actors::haproxy::{HaproxyCounters, ProcessInfo, Traffic};

use super::{exported::Exported, text};
use crate::{
    doctor::{Finding, Kind, Severity},
    status::{Follower, HaproxyRuns, PortState, PortStatus, Service, SourceState, Status},
};

const EXAMPLE: &str = include_str!("example.txt");

/// One port serves, and one is excluded.
fn status() -> Status {
    let (_, latest) = Follower::new("rancher", Arc::new([]));
    let mut status = Status::clone(&latest.borrow().status);
    let port = |(port, state)| {
        let since = status.at;
        let status = PortStatus {
            port,
            service: "web".into(),
            state,
            container: None,
            since,
            kind: None,
            reason: None,
        };
        (port, Arc::new(status))
    };
    status.ports = [(5000, PortState::Serving), (5001, PortState::Excluded)].map(port).into();
    let service = Service {
        service: "web".into(),
        base_port: 5000,
        ports: 2,
        backend_port: NonZeroU16::MIN.into(),
        state: SourceState::Stale,
        since: status.at,
        kind: Some("not_found"),
        reason: None,
        is_unmapped: false,
    };
    status.services = vec![service.clone(), Service { base_port: 6000, ..service }];
    status.revision = 17;
    status.hash = "5f3a".into();
    status.source.state = SourceState::Ok;
    status.haproxy.state = HaproxyRuns::Running;
    status.haproxy.revision = Some(17);
    status.haproxy.draining_processes = 2;
    let text = String::new;
    let (kind, severity) = (Kind::EphemeralRange, Severity::Warning);
    status.findings = [Finding { kind, severity, subject: text(), reason: text(), remedy: text() }].into();
    status
}

/// Without the version and the time of the start, which differ.
fn without_start(text: &str) -> String {
    let lines = text.lines().filter(|line| {
        !line.starts_with("stalls_build_info{") && !line.starts_with("stalls_start_timestamp_seconds ")
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_page_is_as_in_the_example() {
    let traffic = BTreeMap::from([(
        5000,
        Traffic { sessions: 3, bytes_in: 10, bytes_out: 1 << 40, last_used_seconds_ago: None },
    )]);
    let text = text(&Exported {
        status: &status(),
        faults: None,
        counters: Some(&HaproxyCounters::default()),
        process: Some(ProcessInfo { sessions: 3, sessions_total: 12, bytes_out: 1 << 40 }),
        ports: true,
        traffic: Some(&traffic),
    });
    assert_eq!(without_start(&text.unwrap()), EXAMPLE);
}

#[test]
fn what_does_not_answer_is_missing_and_nothing_else() {
    let mut status = status();
    status.haproxy.state = HaproxyRuns::Down;
    status.haproxy.revision = None;
    let text = text(&Exported {
        status: &status,
        faults: None,
        counters: None,
        process: None,
        ports: true,
        traffic: None,
    });
    let text = text.unwrap();
    for there in ["stalls_haproxy_up 0\n", "stalls_plan_in_force 0\n", "stalls_port_state{port=\"5000\""] {
        assert!(text.contains(there), "{text}");
    }
    for missing in
        ["stalls_haproxy_sessions", "stalls_haproxy_reloads", "stalls_source_faults", "stalls_port_bytes"]
    {
        assert!(!text.contains(missing), "{text}");
    }
}

#[test]
fn no_plan_is_in_force_before_the_first_one() {
    let status = Status { revision: 0, ..status() };
    let exported = Exported {
        status: &status,
        faults: None,
        counters: None,
        process: None,
        ports: false,
        traffic: None,
    };
    assert!(text(&exported).unwrap().contains("\nstalls_plan_in_force 0\n"));
}
