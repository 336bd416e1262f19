//! `RUN_DIR` is removed while stalls runs.

use std::fs;

use stalls_lab::stalls::{
    Signal,
    messages::{API_CLOSED, DIED, DIRECTORY_LOCKED_AGAIN, SERVES},
};

use crate::harness::{Bystanders, Stage, run};

#[tokio::test]
async fn a_removed_run_directory_is_made_again_and_no_connection_breaks() {
    let mut stage = Stage::with_scale(3).await;
    let unreachable = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    fs::remove_dir_all(stage.launch().run_dir()).unwrap();
    bystanders.notice_nothing().await;

    // HAProxy can no longer be changed at runtime, and not be reloaded either.
    bystanders.let_refuse(&stage, stage.ports());
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    stage.line(API_CLOSED).await;
    stage.expect_lines(SERVES, 2).await;
    bystanders.recover(&stage).await;

    bystanders.let_break(&stage);
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.expect_lines(SERVES, 3).await;
    bystanders.recover(&stage).await;
    bystanders.change(&mut stage, |world| drop(world.web().replace(2))).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    assert_ne!(stage.haproxy().await, unreachable);
    stage.end().await;
}

#[tokio::test]
async fn without_any_change_a_removed_run_directory_is_noticed_by_a_comparison() {
    let stage = Stage::prepared(3).await.env("RECONCILE_INTERVAL_MS", 1000);
    let mut stage = stage.started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    bystanders.let_refuse(&stage, stage.ports());
    fs::remove_dir_all(stage.launch().run_dir()).unwrap();
    stage.line(API_CLOSED).await;
    stage.expect_lines(SERVES, 2).await;
    bystanders.recover(&stage).await;
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_dies_with_its_run_directory_comes_back() {
    let mut stage = Stage::with_scale(3).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    bystanders.let_break(&stage);
    fs::remove_dir_all(stage.launch().run_dir()).unwrap();
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.line(DIED).await;
    bystanders.recover(&stage).await;
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    stage.end().await;
}

#[tokio::test]
async fn a_run_directory_that_was_made_again_still_belongs_to_one_process() {
    let mut stage = Stage::with_scale(2).await;
    fs::remove_dir_all(stage.launch().run_dir()).unwrap();
    stage.line(DIRECTORY_LOCKED_AGAIN).await;
    let other_state = tempfile::tempdir().unwrap();
    let second = run(&stage.launch().clone().env("STATE_DIR", other_state.path().display())).await;
    assert_eq!(second.code, Some(64));
    stage.end().await;
}
