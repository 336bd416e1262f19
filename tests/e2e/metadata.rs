//! The metadata service is away at the start, changes its mind, or wants to be asked again and again.

use std::time::Duration;

use stalls_lab::metadata::Fault;
use tokio::time::sleep;

use crate::harness::{SOON, Stage};

const BEGIN: &str = "metadata fault, ";
const END: &str = "metadata fault ended";

/// How long the pace of the requests is watched.
const WATCH: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_awaited() {
    let mut stage = Stage::prepared(3).await;
    stage.server.stop().await;
    stage.start();
    assert_eq!(stage.line(BEGIN).await["kind"], "unreachable");
    stage.server.restart().await;
    stage.settled().await;
    stage.line(END).await;
}

#[tokio::test]
async fn a_server_without_its_first_data_is_awaited() {
    let mut stage = Stage::prepared_with(3, |options| options.first_data = false).await.without("PORT_COUNT");
    stage.start();
    assert_eq!(stage.line(BEGIN).await["kind"], "not_found");
    stage.server.deliver_first_data();
    stage.settled().await;
    stage.line(END).await;
}

/// A stage whose stalls never waits for long before it asks again.
async fn impatient() -> Stage {
    Stage::prepared(3).await.env("POLL_SLEEP_TIME_MS", 200).started().await
}

#[tokio::test]
async fn a_fault_that_changes_its_kind_says_each_kind_once_and_ends_once() {
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
    stage.line(END).await;
    assert_eq!((stage.lines(BEGIN).len(), stage.lines(END).len()), (2, 1));
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

#[tokio::test]
async fn a_long_poll_that_is_answered_at_once_is_not_a_busy_loop() {
    let stage = Stage::with_scale(3).await;
    stage.server.fault(Fault::InstantVersion).await;
    let before = stage.server.requests();
    sleep(WATCH).await;
    let after = stage.server.requests();
    // Once a second, as POLL_SLEEP_TIME_MS says.
    assert!((1..=6).contains(&(after.version - before.version)), "{before:?} {after:?}");
    assert_eq!(after.documents, before.documents);
    assert_eq!(stage.lines(BEGIN).len(), 0);
}

#[tokio::test]
async fn a_version_that_is_never_the_same_is_not_a_busy_loop() {
    let mut stage = Stage::with_scale(3).await;
    let haproxy = stage.haproxy().await;
    stage.server.fault(Fault::RandomVersion).await;
    let before = stage.server.requests();
    sleep(WATCH).await;
    let after = stage.server.requests();
    // A burst at first, then ten a second.
    assert!((2..=60).contains(&(after.version - before.version)), "{before:?} {after:?}");
    assert_eq!(stage.haproxy().await, haproxy);
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.server.clear_fault().await;
    stage.change(|world| world.web().scale_to(5)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_not_asked_in_a_busy_loop() {
    let stage = Stage::with_scale(3).await;
    stage.server.stop().await;
    stage.line(BEGIN).await;
    sleep(WATCH).await;
    stage.server.restart().await;
    // Pauses of 50 ms at least that double up to a second.
    let failures = stage.line(END).await["failures"].as_u64().expect("a number");
    assert!((2..=15).contains(&failures), "{failures} in {WATCH:?}");
}
