//! What `docker inspect` shows of stalls' health.

use std::{fs, os::unix::fs::PermissionsExt};

use stalls_lab::stalls::messages::FAULT_BEGINS;

use crate::harness::{Run, Stage, until};

/// A HAProxy that accepts a configuration and does not start with it.
const DOES_NOT_START: &str = r#"#!/bin/sh
case " $* " in *" -c "*) exec haproxy "$@" ;; esac
exit 1
"#;

/// The image's health check, but more often. For the engine 0 s means the image's own value.
fn impatient(run: Run) -> Run {
    run.option("--health-interval=500ms").option("--health-start-period=1ms").option("--health-retries=2")
}

async fn becomes(stalls: &Run, status: &str) {
    until(status, || stalls.inspect(".State.Health.Status") == status).await;
}

#[tokio::test]
async fn it_is_healthy_while_haproxy_serves() {
    let stage = Stage::prepared(3);
    let stalls = impatient(stage.stalls()).start();
    becomes(&stalls, "healthy").await;
    stage.settled().await;
    // The mapping serves on, so stalls stays healthy.
    stage.stop_metadata();
    stalls.said(FAULT_BEGINS, 1).await;
    assert_eq!(stalls.inspect(".State.Health.Status"), "healthy");
    stalls.stop();
}

#[tokio::test]
async fn it_is_unhealthy_while_haproxy_cannot_be_started() {
    let stage = Stage::prepared(3);
    let haproxy = stage.file("haproxy", DOES_NOT_START);
    fs::set_permissions(&haproxy, fs::Permissions::from_mode(0o755)).unwrap();
    let stalls = impatient(stage.stalls()).option(&format!("--volume={haproxy}:/opt/haproxy:ro"));
    let stalls = stalls.env("HAPROXY_BIN", "/opt/haproxy").start();
    becomes(&stalls, "unhealthy").await;
    stalls.stop();
}
