//! What Prometheus is told, in a real stalls process with a real HAProxy.

use std::{collections::BTreeMap, time::Duration};

use stalls_lab::{metadata::Fault, stalls::Signal};
use tokio::time::{Instant, sleep};

use crate::{
    admin::{get, prepared},
    harness::{BASE, POOL, SOON, Stage},
};

/// The series, each with its value.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    async fn of(stage: &Stage, path: &str) -> Self {
        let response = get(stage, path).await;
        assert_eq!(response.status, 200, "{}", response.body);
        assert!(response.headers.contains("content-type: text/plain; version=0.0.4; charset=utf-8"));
        assert!(response.body.ends_with('\n'));
        let samples = response.body.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (series.to_owned(), value.parse().unwrap_or_else(|error| panic!("{error}: {line}")))
        };
        Self(samples.map(sample).collect())
    }

    fn value(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("{series} is missing: {:?}", self.0.keys()))
    }

    /// How many series this metric has.
    fn count(&self, metric: &str) -> usize {
        self.0.keys().filter(|series| series.split('{').next() == Some(metric)).count()
    }
}

/// Waits until these series have these values.
async fn await_values(stage: &Stage, wanted: &[(&str, f64)]) {
    let begun = Instant::now();
    loop {
        let metrics = Metrics::of(stage, "/metrics?ports=1").await;
        let differ: Vec<_> =
            wanted.iter().filter(|(series, value)| metrics.0.get(*series) != Some(value)).collect();
        if differ.is_empty() {
            return;
        }
        assert!(begun.elapsed() < SOON, "{differ:?} should be so, but: {:?}", metrics.0);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn ports_are_counted_by_state_and_follow_the_service() {
    let mut stage = prepared().await.started().await;
    let free = f64::from(POOL) - 3.0;
    await_values(
        &stage,
        &[(r#"stalls_ports{state="serving"}"#, 3.0), (r#"stalls_ports{state="free"}"#, free)],
    )
    .await;
    let metrics = Metrics::of(&stage, "/metrics").await;
    assert_eq!(metrics.count("stalls_ports"), 7, "those without a port are there, too");
    let total: f64 =
        metrics.0.iter().filter(|(series, _)| series.starts_with("stalls_ports{")).map(|it| it.1).sum();
    assert_eq!(total, f64::from(POOL));

    let before = metrics.value("stalls_change_in_force_seconds_count");
    stage.change(|world| world.web().scale_to(5)).await;
    await_values(&stage, &[(r#"stalls_ports{state="serving"}"#, 5.0), ("stalls_plan_in_force", 1.0)]).await;
    let metrics = Metrics::of(&stage, "/metrics").await;
    let count = metrics.value("stalls_change_in_force_seconds_count");
    assert!(count > before, "{count} changes");
    assert_eq!(metrics.value(r#"stalls_change_in_force_seconds_bucket{le="+Inf"}"#), count);
    assert!(metrics.value("stalls_change_in_force_seconds_sum") > 0.0);
}

#[tokio::test]
async fn containers_without_a_port_are_counted_by_the_reason() {
    let stage = prepared().await.with_pool(2).started().await;
    let outside = r#"stalls_unmapped_containers{kind="outside_pool"}"#;
    await_values(&stage, &[(outside, 1.0), (r#"stalls_unmapped_containers{kind="flapping"}"#, 0.0)]).await;
}

#[tokio::test]
async fn the_hash_and_the_revision_are_those_of_the_api() {
    let stage = prepared().await.started().await;
    await_values(&stage, &[("stalls_plan_in_force", 1.0)]).await;
    let mapping = get(&stage, "/v1/mapping").await.json();
    let hash = format!("stalls_mapping_info{{hash={}}}", mapping["hash"]);
    let revision = mapping["revision"].as_f64().expect("a number");
    await_values(&stage, &[(&hash, 1.0), ("stalls_revision", revision)]).await;
}

#[tokio::test]
async fn each_port_is_told_of_only_where_that_is_asked_for() {
    let stage = prepared().await.started().await;
    let held = [stage.hold(BASE).await, stage.hold(BASE).await];
    let wanted = [
        ("stalls_haproxy_sessions", 2.0),
        (r#"stalls_port_sessions{port="5000"}"#, 2.0),
        (r#"stalls_port_sessions{port="5001"}"#, 0.0),
        (r#"stalls_port_state{port="5000",state="serving"}"#, 1.0),
        (r#"stalls_port_state{port="5015",state="free"}"#, 1.0),
    ];
    await_values(&stage, &wanted).await;
    let metrics = Metrics::of(&stage, "/metrics?ports=1").await;
    for metric in ["state", "sessions", "bytes_in_total", "bytes_out_total"] {
        assert_eq!(metrics.count(&format!("stalls_port_{metric}")), usize::from(POOL), "{metric}");
    }
    for path in ["/metrics", "/metrics?ports=0"] {
        let metrics = Metrics::of(&stage, path).await;
        assert!(!metrics.0.keys().any(|series| series.starts_with("stalls_port_")), "{path}");
    }
    drop(held);
    await_values(&stage, &[("stalls_haproxy_sessions", 0.0)]).await;
}

#[tokio::test]
async fn nothing_from_outside_is_a_label() {
    let stage = prepared().await.started().await;
    await_values(&stage, &[(r#"stalls_ports{state="serving"}"#, 3.0)]).await;
    let body = get(&stage, "/metrics?ports=1").await.body;
    let uuid = stage.uuid(1);
    // The service is named as the settings name it.
    assert!(body.contains(r#"stalls_service_stale{service="web"} 0"#), "{body}");
    assert!(!body.contains("app-web") && !body.contains(&uuid), "{body}");
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_with_what_would_do() {
    let stage = prepared().await.started().await;
    for path in ["/metrics?ports=2", "/metrics?ports=all", "/metrics?port=1"] {
        let response = get(&stage, path).await;
        assert_eq!(response.status, 400, "{path}");
        assert!(response.json()["error"].is_string(), "{}", response.body);
    }
}

#[tokio::test]
async fn faults_of_the_source_are_counted_by_kind_and_said_to_last() {
    let stage = prepared().await.started().await;
    await_values(
        &stage,
        &[("stalls_source_stale", 0.0), ("stalls_source_stale_since_timestamp_seconds", 0.0)],
    )
    .await;
    stage.server.fault(Fault::InternalError).await;
    await_values(&stage, &[("stalls_source_stale", 1.0)]).await;
    let metrics = Metrics::of(&stage, "/metrics").await;
    assert!(metrics.value(r#"stalls_source_faults_total{kind="status"}"#) >= 1.0);
    assert_eq!(metrics.value(r#"stalls_source_faults_total{kind="not_json"}"#), 0.0);
    let (since, started) = ["stalls_source_stale_since_timestamp_seconds", "stalls_start_timestamp_seconds"]
        .map(|it| metrics.value(it))
        .into();
    assert!(started <= since && since < started + 3600.0, "{started} to {since}");
    stage.server.clear_fault().await;
    await_values(
        &stage,
        &[("stalls_source_stale", 0.0), ("stalls_source_stale_since_timestamp_seconds", 0.0)],
    )
    .await;
}

#[tokio::test]
async fn a_restart_of_haproxy_is_counted() {
    let stage = prepared().await.started().await;
    await_values(&stage, &[("stalls_haproxy_up", 1.0), ("stalls_haproxy_restarts_total", 0.0)]).await;
    stage.stalls().signal_haproxy(Signal::KILL);
    await_values(&stage, &[("stalls_haproxy_restarts_total", 1.0), ("stalls_haproxy_up", 1.0)]).await;
}

#[tokio::test]
async fn reloads_are_counted_by_reason_and_the_processes_that_drain() {
    let mut stage = prepared().await.with_reloads().started().await;
    await_values(&stage, &[("stalls_haproxy_draining_processes", 0.0)]).await;
    let reloads = r#"stalls_haproxy_reloads_total{reason="other_frame"}"#;
    let before = Metrics::of(&stage, "/metrics").await.value(reloads);
    let held = stage.hold(BASE).await;
    stage.change(|world| world.web().scale_to(4)).await;
    await_values(&stage, &[(reloads, before + 1.0), ("stalls_haproxy_draining_processes", 1.0)]).await;
    drop(held);
    await_values(&stage, &[("stalls_haproxy_draining_processes", 0.0)]).await;
}
