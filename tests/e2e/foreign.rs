//! Changes that do not concern stalls, and changes that come too fast.

use std::time::Duration;

use stalls_lab::stalls::messages::{PLAN_APPLIED, SLOT_ASSIGNED, SLOT_FREED};
use tokio::time::sleep;

use crate::harness::{BASE, Stage, times};

/// The number of log lines about work for a plan.
const WORK: [&str; 3] = [SLOT_ASSIGNED, SLOT_FREED, PLAN_APPLIED];

fn work(stage: &Stage) -> usize {
    WORK.iter().map(|message| stage.lines(message).len()).sum()
}

#[tokio::test]
async fn foreign_changes_disturb_nothing() {
    let stage = Stage::with_scale(3).await;
    let (haproxy, before) = (stage.haproxy().await, work(&stage));
    let mut held = stage.hold(BASE).await;
    for change in 0..times(20, 50) {
        stage.server.change_foreign();
        if change % 10 == 9 {
            stage.caught_up().await;
        }
    }
    stage.settled().await;
    assert_eq!((stage.haproxy().await, work(&stage)), (haproxy, before));
    assert_eq!(held.check().await, Ok(()));
}

#[tokio::test]
async fn the_order_of_a_document_has_no_influence() {
    let mut stage = Stage::with_scale(5).await;
    let (haproxy, before) = (stage.haproxy().await, work(&stage));
    for turn in 0..5 {
        stage.change(|world| world.web().containers.rotate_left(turn)).await;
        stage.change(|world| world.web().containers.reverse()).await;
        stage.caught_up().await;
    }
    stage.settled().await;
    assert_eq!((stage.haproxy().await, work(&stage)), (haproxy, before));
}

#[tokio::test]
async fn a_burst_of_changes_ends_in_the_last_one() {
    let mut stage = Stage::with_scale(3).await;
    let mut held = stage.hold(BASE).await;
    for _ in 0..40 {
        stage
            .change(|world| match fastrand::u8(..3) {
                0 => {
                    let newest = world.web().containers.last().map(|newest| newest.index());
                    world.web().replace(newest.expect("there are three at least"));
                }
                1 => world.web().scale_to(fastrand::usize(3..10)),
                _ => world.change_something_foreign(),
            })
            .await;
        sleep(Duration::from_millis(fastrand::u64(..=40))).await;
    }
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    drop(held);
    stage.haproxy().await;
}

#[tokio::test]
async fn the_second_of_two_changes_at_once_is_not_missed() {
    let mut stage = Stage::with_scale(3).await;
    for pause in [0, 1, 5, 15, 40] {
        stage.change(|world| world.web().scale_to(4)).await;
        sleep(Duration::from_millis(pause)).await;
        stage.change(|world| world.web().replace(2)).await;
        stage.settled().await;
        stage.change(|world| world.web().scale_to(3)).await;
        stage.settled().await;
    }
}
