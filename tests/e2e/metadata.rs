//! The metadata service is away at the start, has changing faults, or never reports the same version twice.

use std::time::Duration;

use stalls_lab::{
    metadata::Fault,
    stalls::messages::{FAULT_BEGINS, FAULT_ENDS},
};

use crate::harness::{SOON, Stage};

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_awaited() {
    let mut stage = Stage::prepared(3).await;
    stage.server.stop().await;
    stage.start();
    assert_eq!(stage.line(FAULT_BEGINS).await["kind"], "unreachable");
    stage.server.restart().await;
    stage.settled().await;
    stage.line(FAULT_ENDS).await;
}

#[tokio::test]
async fn a_server_without_its_first_data_is_awaited() {
    let mut stage = Stage::prepared_with(3, |options| options.first_data = false).await.without("PORT_COUNT");
    stage.start();
    assert_eq!(stage.line(FAULT_BEGINS).await["kind"], "not_found");
    stage.server.deliver_first_data();
    stage.settled().await;
    stage.line(FAULT_ENDS).await;
}

/// A stage whose stalls process never waits for long before it asks again.
async fn impatient() -> Stage {
    Stage::prepared(3).await.env("POLL_SLEEP_TIME_MS", 200).started().await
}

#[tokio::test]
async fn a_fault_that_changes_its_kind_is_logged_once_for_each_kind_and_ends_once() {
    let stage = impatient().await;
    for (fault, kind) in
        [(Fault::Html, "not_json"), (Fault::NotFound, "not_found"), (Fault::Html, "not_json")]
    {
        stage.server.fault(fault).await;
        let of_this_kind = |line: &serde_json::Value| line["kind"] == kind;
        stage.stalls().await_log(of_this_kind, SOON).await;
        let before = stage.server.requests().version;
        stage.server.await_requests(|now| now.version >= before + 2, SOON).await;
    }
    stage.server.clear_fault().await;
    stage.line(FAULT_ENDS).await;
    assert_eq!((stage.lines(FAULT_BEGINS).len(), stage.lines(FAULT_ENDS).len()), (2, 1));
}

#[tokio::test]
async fn a_lost_wake_up_of_the_server_only_delays() {
    let grid = Duration::from_millis(300);
    let mut stage = Stage::prepared_with(3, |options| {
        options.lose_wake_ups = true;
        options.deadline_grid = grid;
    })
    .await
    .started()
    .await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.change(|world| world.web().replace(1)).await;
    stage.settled().await;
}

/// How often the poller asks is a matter for its own tests, in virtual time.
#[tokio::test]
async fn a_version_that_is_never_the_same_disturbs_no_port_and_hides_no_change() {
    let mut stage = Stage::with_scale(3).await;
    let haproxy = stage.haproxy().await;
    stage.server.fault(Fault::RandomVersion).await;
    let before = stage.server.requests().version;
    stage.server.await_requests(|now| now.version >= before + 4, SOON).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.server.clear_fault().await;
    stage.change(|world| world.web().scale_to(5)).await;
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_calm();
}
