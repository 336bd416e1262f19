//! HAProxy checks the containers.

use stalls_lab::{
    client::{ConnectError, landing},
    stalls::messages::{CHANGED_EXTERNALLY, PORTS_DOWN, PORTS_NO_LONGER_DOWN},
};

use crate::harness::{BASE, Stage};

/// Containers that are checked so often.
async fn stage(interval_ms: u64) -> Stage {
    let stage = Stage::prepared(3).await.env("HEALTH_CHECK", true).env("RECONCILE_INTERVAL_MS", 1000);
    stage.env("HEALTH_CHECK_INTERVAL_MS", interval_ms).started().await
}

#[tokio::test]
async fn a_container_that_dies_is_no_longer_tried_until_it_is_back() {
    let mut stage = stage(100).await;
    let (haproxy, mut other) = (stage.haproxy().await, stage.hold(BASE + 1).await);
    let address = stage.server.read(|world| world.service("app", "web").container(1).address());
    stage.fleet().kill(address).await;
    let down = stage.line(PORTS_DOWN).await;
    assert_eq!((&down["port"], &down["ports"], &down["level"]), (&BASE.into(), &1.into(), &"warning".into()));
    let met = landing(stage.address(BASE)).await;
    assert!(matches!(met, Err(ConnectError::Closed | ConnectError::Reset)), "{met:?}");

    stage.start_containers().await;
    stage.line(PORTS_NO_LONGER_DOWN).await;
    stage.settled().await;
    assert_eq!(other.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
    stage.expect_lines(CHANGED_EXTERNALLY, 0).await;
    stage.expect_lines(PORTS_DOWN, 1).await;
}

/// The next check is an hour away.
#[tokio::test]
async fn a_container_in_the_place_of_one_that_was_down_is_reached_at_once_and_old_connections_go_on() {
    let mut stage = stage(3_600_000).await;
    let mut held = stage.hold(BASE).await;
    let leads_nowhere = async |stage: &Stage| {
        stage.cli(&format!("set server p{BASE}/c health down")).await;
        let state = stage.cli(&format!("show servers state p{BASE}")).await;
        assert!(state.contains(" 0 0 1 1 "), "stopped, in no maintenance, with its weight: {state}");
        let met = landing(stage.address(BASE)).await;
        assert!(matches!(met, Err(ConnectError::Closed | ConnectError::Reset)), "{met:?}");
    };
    leads_nowhere(&stage).await;
    assert_eq!(held.check().await, Ok(()));
    stage.line(PORTS_DOWN).await;

    for _ in 0..2 {
        let newer = stage.change(|world| world.web().replace(1)).await;
        stage.applied().await;
        assert_eq!(landing(stage.address(BASE)).await.map(|landing| landing.uuid), Ok(newer));
        leads_nowhere(&stage).await;
    }
    // A port that was free has forgotten what was found there before.
    stage.change(|world| world.web().set_state(1, "stopped")).await;
    stage.settled().await;
    stage.change(|world| world.web().set_state(1, "running")).await;
    stage.applied().await;
    assert_eq!(landing(stage.address(BASE)).await.map(|landing| landing.uuid), Ok(stage.uuid(1)));
    stage.assert_no_reload();
    stage.expect_lines(CHANGED_EXTERNALLY, 0).await;
}
