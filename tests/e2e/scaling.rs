//! Containers that come, go, are replaced and upgraded.

use serde_json::json;
use stalls_lab::stalls::messages::{NOT_MAPPED, NOT_PUBLISHED, PLAN_APPLIED, POOL_GROWS};

use crate::harness::{BASE, POOL, Stage};

#[tokio::test]
async fn a_new_container_gets_its_port_and_no_other_port_notices() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE + 1).await);
    stage.change(|world| world.web().scale_to(7)).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
}

#[tokio::test]
async fn scaling_down_leaves_gaps_and_the_other_containers_keep_their_ports() {
    let mut stage = Stage::with_scale(5).await;
    // The newest container is the one with index 2: it is the first to go.
    stage.change(|world| world.web().replace(2)).await;
    stage.settled().await;
    let mut held = stage.hold(BASE + 2).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.expect_refused(BASE + 1).await;
    stage.settled().await;
    stage.change(|world| world.web().remove(1)).await;
    stage.expect_refused(BASE).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    // A new container fills the lowest gap.
    stage.change(|world| world.web().scale_to(4)).await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
}

#[tokio::test]
async fn a_replacement_keeps_the_port() {
    let mut stage = Stage::with_scale(3).await;
    let mut held = stage.hold(BASE).await;
    let (old, new) = (stage.uuid(2), stage.change(|world| world.web().replace(2)).await);
    assert_ne!(old, new);
    stage.expect_port(BASE + 1, &new).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    stage.assert_no_reload();
}

#[tokio::test]
async fn of_two_containers_with_one_index_the_newer_one_has_the_port_and_nothing_is_blocked() {
    let mut stage = Stage::with_scale(3).await;
    let newer = stage.change(|world| world.web().begin_upgrade(1)).await;
    stage.expect_port(BASE, &newer).await;
    stage.settled().await;
    stage.change(|world| world.web().scale_to(6)).await;
    stage.settled().await;

    let haproxy = stage.haproxy().await;
    let mut held = stage.hold(BASE).await;
    stage.change(|world| world.web().finish_upgrade(1)).await;
    stage.caught_up().await;
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
    assert_eq!(held.check().await, Ok(()));
}

#[tokio::test]
async fn an_upgrade_that_is_taken_back_gives_the_port_back() {
    let mut stage = Stage::with_scale(2).await;
    let (older, newer) = (stage.uuid(1), stage.change(|world| world.web().begin_upgrade(1)).await);
    stage.expect_port(BASE, &newer).await;
    stage.change(|world| world.web().remove(&newer)).await;
    stage.expect_port(BASE, &older).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_stopped_container_stays_listed_and_its_port_refuses() {
    let mut stage = Stage::with_scale(3).await;
    stage.change(|world| world.web().set_state(2, "stopped")).await;
    stage.expect_refused(BASE + 1).await;
    stage.settled().await;
    stage.change(|world| world.web().set_state(2, "running")).await;
    stage.expect_port(BASE + 1, &stage.uuid(2)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_service_may_be_scaled_to_0_and_back() {
    let mut stage = Stage::with_scale(3).await;
    stage.change(|world| world.web().scale_to(0)).await;
    stage.settled().await;
    stage.change(|world| world.web().scale_to(3)).await;
    stage.settled().await;
    stage.assert_no_reload();
}

#[tokio::test]
async fn a_service_may_begin_at_scale_0() {
    let mut stage = Stage::with_scale(0).await;
    stage.change(|world| world.web().scale_to(2)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_container_beyond_the_pool_is_reported_once_and_gets_no_port() {
    let mut stage = Stage::prepared(17).await;
    stage.start();
    let unmapped = stage.line(NOT_MAPPED).await;
    assert_eq!(
        (unmapped["uuid"].as_str(), unmapped["level"].as_str()),
        (Some(&*stage.uuid(17)), Some("warning"))
    );
    for index in 1..=16 {
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    stage.change(|world| world.web().replace(1)).await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.expect_refused(BASE + 16).await;
    assert_eq!(stage.lines(NOT_MAPPED).len(), 1);
}

// === without PORT_COUNT ===

/// A pool of the 16 ports that stalls' own service publishes, with a container on each of the first.
async fn published(scale: usize) -> Stage {
    let mut stage = Stage::prepared(scale).await.without("PORT_COUNT");
    let ports = (BASE..BASE + POOL).map(|port| format!("{port}:{port}/tcp")).collect();
    stage.change(|world| world.cattle("app", "stalls").ports = ports).await;
    stage.started().await
}

#[tokio::test]
async fn a_pool_without_a_size_grows_by_one_reload_that_no_client_notices() {
    let mut stage = published(15).await;
    let mut held = stage.hold(BASE).await;
    stage.change(|world| world.web().scale_to(18)).await;
    for index in 1..=18 {
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    let applied = stage.applied().await;
    assert_eq!((applied["step"].as_str(), applied["free"].as_u64()), (Some("reload"), Some(14)));
    assert_eq!(stage.lines(PLAN_APPLIED).len(), 2);
    let grows = stage.line(POOL_GROWS).await;
    assert_eq!((&grows["from"], &grows["to"], &grows["last_port"]), (&json!(16), &json!(32), &json!(5031)));
    assert_eq!(held.check().await, Ok(()));

    // It neither shrinks nor is reported again, and `stalls render` prints it at that size.
    stage.change(|world| world.web().scale_to(3)).await;
    stage.expect_refused(BASE + 17).await;
    stage.change(|world| world.web().scale_to(17)).await;
    stage.expect_port(BASE + 16, &stage.uuid(17)).await;
    assert_eq!(stage.lines(POOL_GROWS).len(), 1);
    let unpublished = stage.lines(NOT_PUBLISHED);
    assert_eq!(unpublished.len(), 1);
    assert_eq!((&unpublished[0]["level"], &unpublished[0]["first_port"]), (&json!("warning"), &json!(5016)));
    assert_eq!(stage.render().await.matches("listen p").count(), 32);
}

#[tokio::test]
async fn the_size_of_a_grown_pool_is_saved() {
    let mut stage = published(17).await;
    stage.expect_port(BASE + 16, &stage.uuid(17)).await;
    stage.end().await;
    stage.change(|world| world.web().scale_to(3)).await;
    stage.start();
    let applied = stage.line(PLAN_APPLIED).await;
    assert_eq!((applied["mapped"].as_u64(), applied["free"].as_u64()), (Some(3), Some(29)));
    assert_eq!(stage.lines(POOL_GROWS).len(), 0);
}

#[tokio::test]
async fn render_prints_the_grown_pool_at_a_first_start_too() {
    let mut stage = Stage::prepared(3).await.without("PORT_COUNT");
    stage.change(|world| world.web().scale_to(65)).await;
    assert_eq!(stage.render().await.matches("listen p").count(), 80);
}
