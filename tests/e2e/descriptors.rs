//! stalls runs out of descriptors for a while.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use stalls_lab::stalls::{
    Signal,
    messages::{CAN_QUERY_AGAIN, CANNOT_QUERY, DIED, FAILED_TO_START, NOT_SERVABLE, PORT_UNBINDABLE, SERVES},
};

use crate::harness::{Bystanders, Stage};

/// Standard input, output and error.
const NONE_MORE: u64 = 3;

/// stalls keeps its open descriptors, and can open no more until the returned limit is set again.
fn exhaust(stage: &Stage) -> Rlimit {
    limit(stage, Rlimit { current: Some(NONE_MORE), ..getrlimit(Resource::Nofile) })
}

/// Sets the limit of stalls alone; returns the former one.
fn limit(stage: &Stage, limit: Rlimit) -> Rlimit {
    let pid = Pid::from_raw(i32::try_from(stage.stalls().pid()).unwrap());
    prlimit(pid, Resource::Nofile, limit).expect("every user may set a soft limit")
}

/// stalls has no descriptor for a while, and the metadata changes; HAProxy and its connections stay as they are.
async fn survives_a_shortage(stage: &mut Stage) {
    let haproxy = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(stage).await;
    let given = exhaust(stage);
    bystanders.change(stage, |world| world.web().scale_to(4)).await;
    stage.line(CANNOT_QUERY).await;
    bystanders.notice_nothing().await;
    limit(stage, given);
    stage.line(CAN_QUERY_AGAIN).await;
    bystanders.follow(stage).await;
    bystanders.end().await;
    stage.expect_lines(CANNOT_QUERY, 1).await;
    stage.expect_lines(CAN_QUERY_AGAIN, 1).await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
}

async fn watched() -> Stage {
    Stage::prepared(3).await.env("RECONCILE_INTERVAL_MS", 1000).started().await
}

#[tokio::test]
async fn without_descriptors_stalls_leaves_haproxy_as_it_is() {
    let mut stage = watched().await;
    survives_a_shortage(&mut stage).await;
    stage.end().await;
}

#[tokio::test]
async fn without_descriptors_stalls_leaves_an_adopted_haproxy_as_it_is() {
    let mut stage = watched().await;
    stage.kill_and_start().await;
    survives_a_shortage(&mut stage).await;
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_dies_while_stalls_has_no_descriptors_comes_back_with_them() {
    let mut stage = Stage::with_scale(3).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let given = exhaust(&stage);
    bystanders.let_break(&stage);
    stage.stalls().signal_haproxy(Signal::KILL);
    let failed = stage.line(FAILED_TO_START).await;
    assert!(failed["error"].as_str().unwrap().contains("Too many open files"), "{failed}");
    limit(&stage, given);
    bystanders.recover(&stage).await;
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    stage.expect_lines(DIED, 1).await;
    stage.expect_lines(SERVES, 2).await;
    assert_eq!(stage.lines(PORT_UNBINDABLE).len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn too_few_descriptors_for_the_pool_end_the_start_and_the_log_says_how_many_would_do() {
    let limit = ["sh", "-c", r#"ulimit -n 150; exec "$0" "$@""#];
    for stage in [Stage::prepared(1).await, Stage::prepared(1).await.without("PORT_COUNT")] {
        let mut stage = stage.through(&limit);
        stage.start();
        assert_eq!(stage.ended().await.code(), Some(75));
        let line = stage.line(NOT_SERVABLE).await;
        assert_eq!(line["level"], "critical");
        assert!(line["error"].as_str().unwrap().contains("raise it (ulimit -n) to "), "{line}");
    }
}
