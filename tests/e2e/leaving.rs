//! The connections to a container that loses its port.

use crate::harness::{BASE, SOON, Stage};

/// A value of `ON_LEAVE`, if it is set, and whether the connections then go on.
type Rule = (Option<&'static str>, bool);

async fn stage_with(on_leave: Option<&str>) -> Stage {
    let stage = Stage::prepared(3).await;
    match on_leave {
        Some(on_leave) => stage.env("ON_LEAVE", on_leave).started().await,
        None => stage.started().await,
    }
}

/// Holds connections to containers 1 and 2, and has the first one lose its port in such a way that it could
/// keep its connections.
async fn lose(rules: [Rule; 3], leave: impl AsyncFn(&mut Stage)) {
    for (on_leave, go_on) in rules {
        let mut stage = stage_with(on_leave).await;
        let haproxy = stage.haproxy().await;
        let (mut leaving, mut other) = (stage.hold(BASE).await, stage.hold(BASE + 1).await);
        leave(&mut stage).await;
        assert_eq!(stage.applied().await["step"], "runtime");
        if go_on {
            assert_eq!(leaving.check().await, Ok(()), "ON_LEAVE={on_leave:?}");
        } else {
            assert!(leaving.ends_within(SOON).await, "ON_LEAVE={on_leave:?}");
        }
        assert_eq!(other.check().await, Ok(()));
        assert_eq!(stage.haproxy().await, haproxy);
        stage.assert_no_reload();
    }
}

#[tokio::test]
async fn connections_to_a_container_that_is_gone_are_cut_unless_they_are_to_drain() {
    lose([(None, false), (Some("cut"), false), (Some("drain"), true)], async |stage| {
        stage.change_lingering(|world| world.web().remove(1)).await;
        stage.expect_refused(BASE).await;
    })
    .await;
}

#[tokio::test]
async fn connections_to_a_container_that_is_gone_and_has_a_successor_are_cut_unless_they_are_to_drain() {
    lose([(None, false), (Some("cut"), false), (Some("drain"), true)], async |stage| {
        let new = stage.change_lingering(|world| world.web().replace(1)).await;
        stage.expect_port(BASE, &new).await;
    })
    .await;
}

#[tokio::test]
async fn connections_to_a_container_that_runs_on_beside_its_successor_drain_unless_they_are_to_be_cut() {
    lose([(None, true), (Some("cut"), false), (Some("drain"), true)], async |stage| {
        let newer = stage.change(|world| world.web().begin_upgrade(1)).await;
        stage.expect_port(BASE, &newer).await;
    })
    .await;
}

#[tokio::test]
async fn connections_to_a_container_that_is_stopping_drain_unless_they_are_to_be_cut() {
    lose([(None, true), (Some("cut"), false), (Some("drain"), true)], async |stage| {
        stage.change(|world| world.web().set_state(1, "stopping")).await;
        stage.expect_refused(BASE).await;
    })
    .await;
}
