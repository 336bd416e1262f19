//! Much is going on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stalls_lab::{client::landing, stalls::messages::FAULT_BEGINS};
use tokio::time::sleep;

use crate::harness::{Clients, Cluster, GAMES, RIGHTS, Stage};

/// How many pods there are at first.
const PODS: u16 = 1000;

/// How many come then.
const MORE: u16 = 10;

/// The whole list of these pods fits into no socket's buffer.
const BIG: (usize, usize) = (64, 250_000);

#[tokio::test]
async fn a_thousand_pods_are_served_and_each_that_comes_is_soon_served_too() {
    let mut stage = Stage::prepared(PODS.into()).await;
    stage.start(stage.launch().env("PORT_COUNT", PODS + MORE));
    let pods = stage.cluster.pods(GAMES).await;
    for ordinal in 0..PODS {
        stage.leads_to(stage.place(ordinal).0, &pods[&format!("web-{ordinal}")]).await;
    }
    // Those of the first few ports are enough.
    let clients = Clients::begin(&stage).await;
    let mut latencies = Vec::new();
    for ordinal in PODS..PODS + MORE {
        latencies.push(latency(&stage, ordinal).await);
    }
    clients.end().await;
    latencies.sort();
    print(&latencies);
}

/// Adds the pod with this ordinal; how long after it is said to be ready its port serves.
async fn latency(stage: &Stage, ordinal: u16) -> Duration {
    let (port, pod) = stage.place(ordinal);
    let path = format!("/api/v1/namespaces/{GAMES}/pods");
    let list = stage.cluster.api.get(&format!("{path}?limit=1")).await.unwrap();
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let mut events = stage.cluster.api.watch(&path, version).await.unwrap();
    let scale = stage.cluster.scale(GAMES, "web", usize::from(ordinal) + 1);
    let ready = async {
        loop {
            let event = events.next().await.unwrap().expect("the watch goes on");
            if event["object"]["status"]["podIP"].is_string() && pod.ends_with(name(&event)) {
                return Instant::now();
            }
        }
    };
    let served = async {
        while !landing(port).await.is_ok_and(|landing| landing.uuid == pod) {
            // Without a pause, this would take the processor away from what it measures.
            sleep(Duration::from_millis(1)).await;
        }
        Instant::now()
    };
    let ((), ready, served) = tokio::join!(scale, ready, served);
    served.saturating_duration_since(ready)
}

fn name(event: &Value) -> &str {
    event["object"]["metadata"]["name"].as_str().expect("a pod has a name")
}

#[expect(clippy::print_stderr, reason = "to be read, and nothing to rely on")]
fn print(latencies: &[Duration]) {
    eprintln!("{PODS} pods, from the event to the port that serves: {latencies:?}");
}

#[tokio::test]
async fn an_api_server_that_has_too_much_to_do_is_asked_again_later() {
    let cluster = Cluster::start_with(&["max-requests-inflight=1"]).await;
    let mut stage = Stage::bare(cluster).await;
    for namespace in [GAMES, "big"] {
        stage.cluster.namespace(namespace, RIGHTS).await;
    }
    stage.cluster.stateful_set(GAMES, "web", 2).await;
    let annotations = json!({"filler": "x".repeat(BIG.1)});
    for number in 0..BIG.0 {
        stage.cluster.pod("big", &format!("big-{number}"), json!({}), annotations.clone()).await;
    }
    let unread = stage.cluster.as_stalls().leave_unread("/api/v1/namespaces/big/pods").await.unwrap();
    stage.start(stage.launch());
    let fault = stage.line(FAULT_BEGINS).await;
    assert_eq!(fault["kind"], "throttled", "{fault}");
    drop(unread);
    Clients::begin(&stage).await.end().await;
}
