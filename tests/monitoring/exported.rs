//! What a real stalls process exports, and who relies on it.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    files::{alerts, panels, queries, text},
    host::{Host, SOON},
    http::get,
    names::{metrics_in, metrics_of, series_of},
    promtool::promtool,
};

/// What Prometheus gets once stalls and HAProxy have told everything.
async fn exported(path: &str) -> String {
    let host = Host::new().await;
    let begun = Instant::now();
    loop {
        let (head, body) = get(host.admin(), path).await.expect("stalls answers");
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
        if body.contains("\nstalls_haproxy_sessions ") {
            return body;
        }
        assert!(begun.elapsed() < SOON, "{body}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn promtool_accepts_what_stalls_exports() {
    for path in ["/metrics", "/metrics?ports=1"] {
        promtool(&["check", "metrics"], &exported(path).await);
    }
}

#[tokio::test]
async fn the_rules_and_the_dashboard_use_only_what_stalls_exports() {
    let series = series_of(&exported("/metrics?ports=1").await);
    let of_rules =
        alerts().iter().flat_map(|alert| metrics_in(&alert["expr"].to_string())).collect::<BTreeSet<_>>();
    let of_board =
        panels().iter().flat_map(queries).flat_map(|query| metrics_in(&query)).collect::<BTreeSet<_>>();
    assert!(of_rules.len() > 10 && of_board.len() > 15);
    assert_eq!(of_rules.union(&of_board).filter(|name| !series.contains(*name)).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn the_documentation_has_each_metric_once() {
    let page = text("docs/monitoring.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `stalls_")?.split(['`', '{']).next());
    let mut rows: Vec<_> = rows.map(|rest| format!("stalls_{rest}")).collect();
    rows.sort();
    assert_eq!(rows, metrics_of(&exported("/metrics?ports=1").await).into_iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_alert_for_containers_is_for_the_kinds_that_a_person_has_to_mend() {
    let exported = exported("/metrics").await;
    let kinds = exported
        .lines()
        .filter_map(|line| line.strip_prefix("stalls_unmapped_containers{kind=\"")?.split('"').next());
    let passing = ["no_address", "not_ready", "not_running", "superseded"];
    let kinds: BTreeSet<_> = kinds.filter(|kind| !passing.contains(kind)).collect();
    let alerts = alerts();
    let alert =
        alerts.iter().find(|alert| alert["alert"] == "StallsContainersUnmapped").expect("there is one");
    let query = alert["expr"].as_str().expect("a query");
    let named = query.split_once("kind=~\"").and_then(|(_, rest)| rest.split('"').next()).expect("kinds");
    assert_eq!(kinds, named.split('|').collect());
}
