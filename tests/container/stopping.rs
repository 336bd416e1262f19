//! `docker stop`.

use stalls_lab::stalls::messages::CONNECTIONS_CUT;
use tokio::time::Instant;

use crate::harness::{BASE, POOL, STOP_PATIENCE, Stage};

#[tokio::test]
async fn a_stop_drains_and_says_how_many_connections_it_had_to_cut() {
    let stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    let ends_by_itself = stage.hold(BASE).await;
    let mut stay = [stage.hold(BASE + 1).await, stage.hold(BASE + 1).await, stage.hold(BASE + 2).await];
    let begun = Instant::now();
    let mut stop = stalls.begin_stop();
    for port in BASE..BASE + POOL {
        stage.expect_refused(port).await;
    }
    for held in &mut stay {
        assert_eq!(held.check().await, Ok(()));
    }
    drop(ends_by_itself);
    assert!(stop.wait().unwrap().success());
    assert!(begun.elapsed() < STOP_PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(stalls.inspect(".State.ExitCode"), "0");
    let cut = stalls.said(CONNECTIONS_CUT, 1).await;
    assert_eq!(cut["connections"], 3, "{cut}");
    for held in &mut stay {
        assert!(held.check().await.is_err());
    }
}
