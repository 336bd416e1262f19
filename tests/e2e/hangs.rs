//! HAProxy runs, and does not answer.

use stalls_lab::stalls::{
    Signal,
    messages::{DOES_NOT_ANSWER, KILLED, PLAN_APPLIED, SERVES},
};

use crate::harness::{Bystanders, Stage};

/// So many connections to the runtime API can be open at once, as the template has it (`stats maxconn`).
const COMMAND_LINES: usize = 50;

#[tokio::test]
async fn a_haproxy_that_hangs_does_not_keep_a_change_from_being_applied() {
    hang_and_change(Stage::with_scale(3).await).await;
}

#[tokio::test]
async fn a_haproxy_that_hangs_does_not_keep_another_from_taking_over() {
    hang_and_change(Stage::prepared(3).await.with_reloads().started().await).await;
}

async fn hang_and_change(mut stage: Stage) {
    let mut bystanders = Bystanders::begin(&stage).await;
    bystanders.let_break(&stage);
    stage.stalls().signal_haproxy(Signal::STOP);
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    // stalls gives it some seconds to answer, since it may be busy.
    stage.line(DOES_NOT_ANSWER).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    stage.expect_lines(DOES_NOT_ANSWER, 1).await;
    stage.expect_lines(SERVES, 2).await;
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_is_stopped_and_goes_on_is_not_replaced() {
    let mut stage = Stage::with_scale(3).await;
    let haproxy = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    bystanders.let_refuse(&stage, stage.ports());
    stage.stalls().signal_haproxy(Signal::STOP);
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    stage.decided().await;
    assert_eq!(stage.steps(), ["start"]);
    stage.stalls().signal_haproxy(Signal::CONT);
    bystanders.recover(&stage).await;
    stage.expect_lines(PLAN_APPLIED, 2).await;
    bystanders.end().await;
    assert_eq!((stage.haproxy().await, stage.steps()), (haproxy, vec!["start".into(), "runtime".into()]));
    stage.assert_calm();
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_goes_on_only_when_it_is_given_up_misleads_no_client() {
    let stage = Stage::prepared(3).await.env("RECONCILE_INTERVAL_MS", 1000);
    let mut stage = stage.started().await;
    let stopped = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    bystanders.let_break(&stage);
    stage.stalls().signal_haproxy(Signal::STOP);
    stage.line(DOES_NOT_ANSWER).await;
    stage.stalls().signal_haproxy(Signal::CONT);
    // Until it is replaced it answers for a moment, and then it refuses.
    stage.expect_lines(SERVES, 2).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    assert_ne!(stage.haproxy().await, stopped);
    stage.expect_lines(DOES_NOT_ANSWER, 1).await;
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_whose_runtime_api_has_no_free_connection_is_replaced_and_keeps_its_connections() {
    let stage = Stage::prepared(3).await.env("RECONCILE_INTERVAL_MS", 1000);
    let mut stage = stage.started().await;
    let mute = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    // Between the old one's last and the new one's first connection there is a moment.
    bystanders.let_refuse(&stage, stage.ports());
    let mut taken = Vec::new();
    for _ in 0..COMMAND_LINES {
        taken.push(stage.cli_connection().await);
    }
    // It answers its clients until it is replaced.
    stage.expect_lines(SERVES, 2).await;
    bystanders.recover(&stage).await;
    stage.expect_lines(DOES_NOT_ANSWER, 1).await;
    assert_eq!(stage.lines(KILLED).len(), 0);
    drop(taken);
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    assert_ne!(stage.haproxy().await, mute);
    stage.end().await;
}
