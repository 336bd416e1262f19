//! Which metrics there are, and what each says. What is known in advance is always there, with 0 if need be: a series
//! that appears with its first count cannot be seen to grow.

use std::collections::BTreeMap;

use prometheus::proto::MetricFamily;
use stalls_actors::{
    allocation::Unmapped,
    counts::Counts,
    haproxy::{HaproxyCounters, ProcessInfo, Traffic},
};

use super::family::{Series, counter, gauge, seconds};
use crate::{
    doctor::Severity,
    status::{HaproxyRuns, PortState, SourceState, Status},
};

/// What the metrics are made of. Where something does not answer, its metrics are missing.
pub(super) struct Exported<'a> {
    pub(super) status: &'a Status,
    /// Of the source, by their kind.
    pub(super) faults: Option<&'a Counts>,
    pub(super) counters: Option<&'a HaproxyCounters>,
    pub(super) process: Option<ProcessInfo>,
    /// Whether the series of each port are wanted.
    pub(super) ports: bool,
    pub(super) traffic: Option<&'a BTreeMap<u16, Traffic>>,
}

/// All metrics.
pub(super) fn families(exported: &Exported<'_>) -> Vec<MetricFamily> {
    let mut all = Vec::from(of_stalls(exported.status));
    all.extend(of_ports_and_containers(exported.status));
    all.extend(of_source(exported.status, exported.faults));
    all.extend(of_haproxy(exported.status, exported.counters, exported.process));
    if exported.ports {
        all.extend(of_each_port(exported.status, exported.traffic));
    }
    all
}

fn of_stalls(status: &Status) -> [MetricFamily; 4] {
    [
        gauge(
            "stalls_build_info",
            "1, with the version of stalls.",
            [Series::labelled([("version", env!("CARGO_PKG_VERSION"))], 1.0)],
        ),
        gauge(
            "stalls_start_timestamp_seconds",
            "When this stalls process started, in seconds since 1970.",
            [Series::of(status.started.unix_seconds())],
        ),
        gauge(
            "stalls_revision",
            "The revision of the newest plan; 0 before the first one.",
            [Series::of(status.revision as f64)],
        ),
        gauge(
            "stalls_mapping_info",
            "1, with a hash of which container has which port: hosts that agree have the same.",
            [Series::labelled([("hash", &status.hash)], 1.0)],
        ),
    ]
}

fn of_ports_and_containers(status: &Status) -> [MetricFamily; 4] {
    let in_state = |state: PortState| status.ports.values().filter(|port| port.state == state).count();
    let ports = PortState::ALL.map(|state| count([("state", state.name())], in_state(state)));
    let of_kind = |kind: &str| status.unmapped.iter().filter(|it| it.kind == kind).count();
    let unmapped = Unmapped::KINDS.map(|kind| count([("kind", kind)], of_kind(kind)));
    let services = status.services.iter().filter(|service| service.is_unmapped).count();
    let of_severity = |severity| status.findings.iter().filter(|it| it.severity == severity).count();
    let findings =
        Severity::ALL.map(|severity| count([("severity", severity.name())], of_severity(severity)));
    [
        gauge("stalls_ports", "Ports of the pool, by their state.", ports),
        gauge(
            "stalls_unmapped_containers",
            "Containers without a port, by the kind of the reason.",
            unmapped,
        ),
        gauge(
            "stalls_unmapped_services",
            "Services of which no container has a port.",
            [Series::of(services as f64)],
        ),
        gauge("stalls_findings", "What stalls has found in its surroundings, by severity.", findings),
    ]
}

fn of_source(status: &Status, faults: Option<&Counts>) -> [MetricFamily; 4] {
    let is_stale = status.source.state == SourceState::Stale;
    // A service of which two ports are mapped is one series.
    let stale: BTreeMap<&str, bool> =
        status.services.iter().map(|it| (&*it.service, it.state == SourceState::Stale)).collect();
    let since = if is_stale { status.source.since.unix_seconds() } else { 0.0 };
    [
        gauge(
            "stalls_source_stale",
            "1 while the source of the containers is away, slow or wrong.",
            [flag(is_stale)],
        ),
        gauge(
            "stalls_source_stale_since_timestamp_seconds",
            "Since when the source is stale, in seconds since 1970; 0 while it is not.",
            [Series::of(since)],
        ),
        gauge(
            "stalls_service_stale",
            "1 while the source says nothing of this service, or nothing usable.",
            stale.into_iter().map(|(service, is_stale)| {
                Series::labelled([("service", service)], f64::from(u8::from(is_stale)))
            }),
        ),
        counter(
            "stalls_source_faults_total",
            "Failed attempts to read the source, by the kind of the fault.",
            faults.into_iter().flat_map(|faults| by("kind", faults)),
        ),
    ]
}

fn of_haproxy(
    status: &Status,
    counters: Option<&HaproxyCounters>,
    process: Option<ProcessInfo>,
) -> Vec<MetricFamily> {
    let haproxy = &status.haproxy;
    let started = haproxy.started.map_or(0.0, |started| started.unix_seconds());
    let is_in_force = status.revision > 0 && haproxy.revision == Some(status.revision);
    let of_process = |value: fn(ProcessInfo) -> u64| process.map(|info| Series::of(value(info) as f64));
    let mut all = vec![
        gauge("stalls_haproxy_up", "1 while HAProxy runs.", [flag(haproxy.state == HaproxyRuns::Running)]),
        gauge(
            "stalls_haproxy_start_timestamp_seconds",
            "When this HAProxy process started, in seconds since 1970; 0 while none runs.",
            [Series::of(started)],
        ),
        gauge(
            "stalls_haproxy_draining_processes",
            "HAProxy processes that have been replaced and still have connections.",
            [Series::of(haproxy.draining_processes as f64)],
        ),
        gauge(
            "stalls_haproxy_sessions",
            "Connections of clients that are open, of this HAProxy process.",
            of_process(|info| info.sessions),
        ),
        counter(
            "stalls_haproxy_sessions_total",
            "Connections since this HAProxy process started, those of stalls to its runtime API among them.",
            of_process(|info| info.sessions_total),
        ),
        counter(
            "stalls_haproxy_bytes_out_total",
            "Bytes that this HAProxy process has sent, to clients and to containers.",
            of_process(|info| info.bytes_out),
        ),
        gauge(
            "stalls_plan_in_force",
            "1 while HAProxy does all that the newest plan says.",
            [flag(is_in_force)],
        ),
        gauge(
            "stalls_config_rejected",
            "1 while the newest configuration of HAProxy is not accepted.",
            [flag(status.config_problem.is_some())],
        ),
    ];
    if let Some(HaproxyCounters { reloads, restarts, in_force }) = counters {
        all.extend([
            counter(
                "stalls_haproxy_reloads_total",
                "Reloads of HAProxy, by their reason.",
                by("reason", reloads),
            ),
            counter(
                "stalls_haproxy_restarts_total",
                "How often HAProxy was started again after it had served.",
                [Series::of(*restarts as f64)],
            ),
            seconds(
                "stalls_change_in_force_seconds",
                "From a plan until the newest one is in force; plans that come meanwhile do not count on their own.",
                in_force,
            ),
        ]);
    }
    all
}

fn of_each_port(status: &Status, traffic: Option<&BTreeMap<u16, Traffic>>) -> [MetricFamily; 4] {
    let states = status
        .ports
        .iter()
        .map(|(port, it)| Series::labelled([("port", &port.to_string()), ("state", it.state.name())], 1.0));
    let counted = |value: fn(&Traffic) -> u64| {
        let of_port = move |(port, traffic): (&u16, &Traffic)| {
            Series::labelled([("port", &port.to_string())], value(traffic) as f64)
        };
        traffic.into_iter().flatten().map(of_port)
    };
    [
        gauge("stalls_port_state", "1, for the state that the port has.", states),
        gauge("stalls_port_sessions", "Connections to the port that are open.", counted(|it| it.sessions)),
        counter(
            "stalls_port_bytes_in_total",
            "Bytes from clients of the port, since this HAProxy process started.",
            counted(|it| it.bytes_in),
        ),
        counter(
            "stalls_port_bytes_out_total",
            "Bytes to clients of the port, since this HAProxy process started.",
            counted(|it| it.bytes_out),
        ),
    ]
}

fn flag(is_so: bool) -> Series {
    Series::of(f64::from(u8::from(is_so)))
}

fn count(label: [(&str, &str); 1], count: usize) -> Series {
    Series::labelled(label, count as f64)
}

fn by<'a>(label: &'static str, counts: &'a Counts) -> impl Iterator<Item = Series> + 'a {
    counts.iter().map(move |(kind, count)| Series::labelled([(label, kind)], count as f64))
}
