//! A process that dies is started again.

use stalls_lab::stalls::messages::{DIED, STARTS};

use crate::harness::Stage;

#[tokio::test]
async fn a_haproxy_that_is_killed_is_started_again() {
    let stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    let killed = stalls.haproxy().await;
    stalls.shell(&format!("kill -9 {}", killed.pid));
    assert_eq!(stalls.said(DIED, 1).await["how"], "signal 9");
    stage.settled().await;
    assert_ne!(stalls.haproxy().await.pid, killed.pid);
    assert_eq!(stalls.inspect(".RestartCount"), "0");
    assert!(stalls.processes().iter().all(|process| !process.is_zombie));
    stalls.stop();
}

#[tokio::test]
async fn a_stalls_process_that_is_killed_is_started_again_by_the_restart_policy() {
    let stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    stalls.kill();
    stalls.restarted(1).await;
    stage.settled().await;

    // The next process finds no metadata service.
    stage.stop_metadata();
    stalls.kill();
    stalls.restarted(2).await;
    stage.settled().await;
    let starts = stalls.lines(STARTS);
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|line| line["version"] == env!("CARGO_PKG_VERSION")), "{starts:?}");
    stage.start_metadata();
    stalls.stop();
}
