//! Upgrades in which the new container starts beside the old one.

use stalls_lab::stalls::messages::NOT_MAPPED;

use crate::harness::{BASE, Bystanders, Stage};

/// A newer container of index 1 is there and does not listen yet; stalls has logged that it waits for it.
async fn upgrade_begins(stage: &Stage) -> String {
    let newer = stage.server.change(|world| world.web().begin_upgrade(1));
    let line = stage.line(NOT_MAPPED).await;
    assert_eq!((&line["uuid"], &line["kind"]), (&newer.as_str().into(), &"not_ready".into()));
    newer
}

#[tokio::test]
async fn an_upgrade_under_load_fails_no_connection() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    let mut bystanders = Bystanders::begin(&stage).await;
    let newer = upgrade_begins(&stage).await;
    bystanders.notice_nothing().await;

    bystanders.let_follow(&stage);
    stage.containers_follow().await;
    stage.expect_port(BASE, &newer).await;
    bystanders.follow(&stage).await;
    assert_eq!(held.check().await, Ok(()), "connections to the old container drain");

    stage.change(|world| world.web().finish_upgrade(1)).await;
    stage.caught_up().await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    assert_eq!(stage.haproxy().await, haproxy);
}

#[tokio::test]
async fn a_new_container_that_never_listens_never_gets_the_port() {
    let stage = Stage::with_scale(3).await;
    let bystanders = Bystanders::begin(&stage).await;
    let newer = upgrade_begins(&stage).await;
    stage.server.change(|world| world.web().remove(&newer));
    stage.caught_up().await;
    stage.settled().await;
    bystanders.end().await;
    let steps = stage.steps();
    assert!(steps[1..].iter().all(|step| step == "nothing"), "{steps:?}");
}

#[tokio::test]
async fn a_new_container_gets_the_port_at_once_when_the_old_one_stops() {
    let stage = Stage::with_scale(2).await;
    let older = stage.uuid(1);
    upgrade_begins(&stage).await;
    stage.server.change(|world| world.web().set_state(&older, "stopping"));
    // It does not listen yet, so a connection cannot show it.
    assert_eq!(stage.applied().await["step"], "runtime");
}

#[tokio::test]
async fn with_a_health_check_a_new_container_gets_the_port_when_it_is_healthy() {
    let mut stage = Stage::with_scale(2).await;
    let older = stage.uuid(1);
    let newer = stage
        .change(|world| {
            let newer = world.web().begin_upgrade(1);
            world.web().edit(&newer, |container| container.health_state = Some("initializing".into()));
            newer
        })
        .await;
    assert_eq!(stage.line(NOT_MAPPED).await["kind"], "not_ready");
    stage.expect_port(BASE, &older).await;
    let healthy = Some("healthy".to_owned());
    stage.change(|world| world.web().edit(&newer, |container| container.health_state = healthy)).await;
    stage.expect_port(BASE, &newer).await;
}
