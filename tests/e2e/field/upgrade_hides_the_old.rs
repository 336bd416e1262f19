//! Public source: rancher/cattle#1791, undone in #2760 (Rancher 1.1 to 1.6.2); rancher/rancher#8684, #8015, #9287.
//!
//! With "start before stopping" the old container is missing in the metadata from the first moment, and serves on. Its
//! successor with the same index is listed seconds to minutes later.

use stalls_lab::stalls::messages::{GONE, LINGER, NOT_MAPPED, SUPERSEDED};

use crate::harness::{BASE, Bystanders, Stage, until};

/// As users have it: a container that is missing may linger. Few ports are enough.
async fn stage(scale: usize) -> Stage {
    Stage::prepared(scale).await.with_pool(4).without("LINGER_MS").started().await
}

/// Upgrades the containers with these indices in this way; nobody notices it.
async fn upgrade(scale: usize, indices: &[u32]) {
    let mut stage = stage(scale).await;
    let haproxy = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let old: Vec<_> = indices.iter().map(|index| stage.uuid(*index)).collect();

    stage.change_lingering(|world| old.iter().for_each(|uuid| world.web().remove(uuid))).await;
    assert_eq!(stage.line(LINGER).await["containers"], indices.len());
    stage.caught_up().await;
    bystanders.notice_nothing().await;

    let new = stage.server.change(|world| {
        let new: Vec<_> = indices.iter().map(|index| world.web().create_successor(*index)).collect();
        new.iter().for_each(|uuid| world.web().set_state(uuid, "starting"));
        new
    });
    stage.caught_up().await;
    bystanders.notice_nothing().await;

    stage.server.change(|world| new.iter().for_each(|uuid| world.web().set_state(uuid, "running")));
    let waits = || stage.lines(NOT_MAPPED).into_iter().filter(|line| line["kind"] == "not_ready");
    let waiting = || waits().filter_map(|line| line["containers"].as_u64()).sum::<u64>();
    until("they are waited for", || waiting() == new.len() as u64).await;
    bystanders.notice_nothing().await;

    for ((index, old), new) in indices.iter().zip(&old).zip(&new) {
        bystanders.let_be_taken_over(&stage, port(*index), old, new);
    }
    stage.start_containers().await;
    for (index, new) in indices.iter().zip(&new) {
        stage.expect_port(port(*index), new).await;
        bystanders.is_taken_over(&stage, port(*index), new);
    }
    stage.line(SUPERSEDED).await;
    // The connections to the old containers are held open still.
    bystanders.notice_nothing().await;
    bystanders.end().await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
}

fn port(index: u32) -> u16 {
    BASE + u16::try_from(index).expect("an index of the pool") - 1
}

#[tokio::test]
async fn an_upgrade_that_hides_one_of_four_old_containers_fails_no_connection() {
    upgrade(4, &[2]).await;
}

#[tokio::test]
async fn an_upgrade_that_hides_one_of_two_or_three_fails_no_connection() {
    upgrade(2, &[1]).await;
    upgrade(3, &[3]).await;
}

#[tokio::test]
async fn an_upgrade_of_all_that_hides_the_old_containers_fails_no_connection() {
    upgrade(1, &[1]).await;
    upgrade(4, &[1, 2, 3, 4]).await;
}

#[tokio::test]
async fn when_the_old_container_ends_before_the_new_one_is_ready_its_port_refuses_until_then() {
    let mut stage = stage(2).await;
    let old = stage.uuid(2);
    stage.change_lingering(|world| world.web().remove(&old)).await;
    stage.line(LINGER).await;
    stage.containers_follow().await;
    stage.line(GONE).await;
    stage.expect_refused(BASE + 1).await;
    stage.change(|world| world.web().scale_to(2)).await;
    stage.settled().await;
}
