//! Public source: a reader's case, not published: one client opens as many connections as HAProxy accepts, and no other
//! port answers.

use std::net::SocketAddr;

use stalls_lab::{
    client::{ConnectError, Held, landing},
    stalls::messages::{PORTS_FULL, PORTS_NO_LONGER_FULL},
};

use crate::harness::{BASE, Stage};

/// Connects until nobody answers any more, not even a second time: a busy machine may be slow once.
async fn fill(address: SocketAddr) -> Vec<Held> {
    let (mut held, mut unanswered) = (Vec::new(), 0);
    loop {
        match Held::connect(address).await {
            Ok(connection) => {
                held.push(connection);
                unanswered = 0;
            }
            Err(ConnectError::TimedOut) if unanswered == 0 => unanswered = 1,
            Err(ConnectError::TimedOut) => return held,
            Err(other) => panic!("after {} connections: {other}", held.len()),
        }
    }
}

/// HAProxy may have 200 connections in all.
async fn stage() -> Stage {
    let limited = ["sh", "-c", "ulimit -n 656 && exec \"$@\"", "sh"];
    Stage::prepared(2).await.through(&limited).env("RECONCILE_INTERVAL_MS", 1000)
}

#[tokio::test]
async fn a_client_that_fills_its_port_leaves_half_of_all_connections_to_the_others() {
    let stage = stage().await.started().await;
    let held = fill(stage.address(BASE)).await;
    assert_eq!(held.len(), 100);
    assert_eq!(landing(stage.address(BASE + 1)).await.map(|landing| landing.uuid), Ok(stage.uuid(2)));
    let full = stage.line(PORTS_FULL).await;
    assert_eq!((&full["port"], &full["ports"]), (&BASE.into(), &1.into()), "{full}");
    drop(held);
    stage.line(PORTS_NO_LONGER_FULL).await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.expect_lines(PORTS_FULL, 1).await;
}

#[tokio::test]
async fn a_port_alone_has_all_connections() {
    let stage = stage().await.with_pool(1).started().await;
    assert_eq!(fill(stage.address(BASE)).await.len(), 206);
}

#[tokio::test]
async fn the_setting_says_how_many_connections_a_port_has() {
    let stage = stage().await.env("MAX_CONNECTIONS_PER_PORT", 7).started().await;
    assert_eq!(fill(stage.address(BASE)).await.len(), 7);
    assert_eq!(landing(stage.address(BASE + 1)).await.map(|landing| landing.uuid), Ok(stage.uuid(2)));
}
