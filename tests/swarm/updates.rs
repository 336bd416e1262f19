//! `docker service update`, while clients connect all the time.

use crate::harness::{Reach, Stage};

/// Replaces every task in this order, and waits until each port leads to the new one.
async fn update(stage: &Stage, order: &str) {
    let before = stage.tasks();
    let how = ["--detach", "--force", "--update-order", order, "--update-parallelism", "1", "web"];
    stage.docker(&[&["service", "update"], &how[..]].concat());
    stage.replaced(&before).await;
    for (slot, task) in stage.tasks() {
        stage.leads_to(slot, &task).await;
    }
}

#[tokio::test]
async fn an_update_that_starts_first_costs_no_client_a_connection() {
    let stage = Stage::started(2, 1, Reach::Nodes, 3).await;
    let load = stage.load(1..=3);
    update(&stage, "start-first").await;
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
}

#[tokio::test]
async fn an_update_that_stops_first_leads_nobody_astray() {
    let stage = Stage::started(2, 1, Reach::Nodes, 3).await;
    let load = stage.load(1..=3);
    update(&stage, "stop-first").await;
    let report = load.stop().await;
    assert!(report.ok > 0 && report.wrong == 0, "{report:?}");
    stage.settled(1..=3).await;
}
