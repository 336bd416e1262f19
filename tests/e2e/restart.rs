//! stalls ends in various ways, and is started again.

use std::time::Duration;

use serde_json::{Value, json};
use stalls_lab::stalls::{
    Signal,
    messages::{ADOPTED, DIED, PLAN_APPLIED, SERVING_SAVED},
};
use tokio::time::sleep;

use crate::harness::{BASE, Churn, POOL, Seeded, Stage, run, times, until};

/// Every so many times it may finish what it does.
const SETTLE_EVERY: usize = 5;

#[tokio::test]
async fn with_the_metadata_away_the_last_mapping_serves() {
    let mut stage = Stage::with_scale(3).await;
    stage.change(|world| world.web().remove(2)).await;
    stage.settled().await;
    stage.end().await;
    stage.server.stop().await;
    stage.start();
    stage.settled().await;
    assert_eq!(stage.line(SERVING_SAVED).await["level"], "warning");
    stage.server.restart().await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_leftover_haproxy_is_adopted_as_it_is() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    stage.kill().await;
    assert_eq!(held.check().await, Ok(()));
    stage.settled().await;
    stage.start();
    assert_eq!(stage.line(PLAN_APPLIED).await["step"], "nothing");
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);

    // The new process controls it.
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
    drop(held);
    stage.end().await;
}

#[tokio::test]
async fn a_leftover_haproxy_gets_the_changes_made_meanwhile() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    stage.kill().await;
    stage.change(|world| world.web().scale_to(5)).await;
    stage.change(|world| world.web().replace(2)).await;
    stage.change(|world| world.web().remove(3)).await;
    stage.start();
    // The log may come later than what it tells of.
    stage.applied().await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
    drop(held);
    stage.end().await;
}

#[tokio::test]
async fn a_leftover_haproxy_is_reloaded_for_changes_that_are_not_possible_at_runtime() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    stage.kill().await;
    stage.change(|world| world.web().scale_to(5)).await;
    stage.change(|world| world.web().replace(2)).await;
    stage.start();
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    drop(held);
    assert_ne!(stage.haproxy().await, haproxy);
    stage.end().await;
}

/// As when stalls is killed before it has closed the free ports of a HAProxy that it has just started.
#[tokio::test]
async fn the_free_ports_of_a_leftover_haproxy_are_closed_whatever_the_template() {
    for mut stage in [Stage::with_scale(3).await, Stage::prepared(3).await.with_reloads().started().await] {
        let (haproxy, free) = (stage.haproxy().await, BASE + POOL - 1);
        stage.kill().await;
        stage.cli(&format!("enable frontend p{free}")).await;
        stage.start();
        assert_eq!(stage.line(PLAN_APPLIED).await["step"], "runtime");
        stage.settled().await;
        assert_eq!(stage.haproxy().await, haproxy);
        stage.end().await;
    }
}

#[tokio::test]
async fn a_leftover_haproxy_is_reloaded_for_another_pool() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    stage.kill().await;
    let mut stage = stage.with_pool(POOL + 4).started().await;
    assert_eq!(stage.reload_after(0).await["kind"], "more_ports");
    assert_eq!(held.check().await, Ok(()));
    drop(held);
    assert_ne!(stage.haproxy().await, haproxy);
    stage.end().await;
}

#[tokio::test]
async fn a_leftover_haproxy_is_reloaded_for_another_base_port() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    let before = stage.ports();
    stage.kill().await;
    // Some ports of the earlier pool are in no pool any more, at both ends of it.
    let mut stage = stage.on_base(BASE + 2).with_pool(POOL - 4).started().await;
    stage.reload_after(0).await;
    for port in before.filter(|port| !stage.ports().contains(port)) {
        stage.assert_refused(port).await;
    }
    assert_eq!(held.check().await, Ok(()));
    drop(held);
    assert_ne!(stage.haproxy().await, haproxy);

    // The new ports follow at runtime.
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    assert_eq!(stage.applied().await["step"], "runtime");
    stage.end().await;
}

#[tokio::test]
async fn a_leftover_haproxy_that_dies_is_replaced() {
    let mut stage = Stage::with_scale(3).await;
    stage.kill().await;
    stage.start();
    stage.line(PLAN_APPLIED).await;
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.line(DIED).await;
    stage.settled().await;
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_dies_while_it_is_adopted_is_replaced() {
    let mut stage = Stage::with_scale(3).await;
    let dead = stage.haproxy().await;
    stage.kill().await;
    stage.start();
    stage.line(ADOPTED).await;
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.settled().await;
    assert_ne!(stage.haproxy().await, dead);
    stage.end().await;
}

#[tokio::test]
async fn stalls_may_be_killed_at_any_moment() {
    let mut stage = Churn::stage().await;
    let haproxy = stage.haproxy().await;
    let mut churn = Churn::begin(&stage).await;
    for kill in 1..=times(10, 50) {
        for _ in 0..churn.random(3) {
            let things = 1 + churn.random(20);
            churn.change(&mut stage, things).await;
            sleep(Duration::from_micros(churn.random(20_000) as u64)).await;
        }
        stage.kill().await;
        stage.start();
        if kill % SETTLE_EVERY == 0 {
            churn.settle(&stage).await;
            churn.check_held().await;
            stage.assert_no_reload();
        } else {
            // Before it has read its state, while it adopts HAProxy, and while it catches up with missed changes.
            sleep(Duration::from_micros(churn.random(200_000) as u64)).await;
        }
        assert_eq!(stage.launch().haproxy_pids(), [haproxy], "after {kill} kills");
    }
    churn.end(&stage).await;
    assert_eq!(stage.haproxy().await, haproxy);
    drop(churn);
    stage.end().await;
}

#[tokio::test]
async fn stalls_may_be_killed_amid_reloads() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    let mut held = stage.hold(BASE).await;
    let mut random = Seeded::new();
    for turn in 0..6 {
        stage.change(|world| world.web().scale_to(4 + turn % 2)).await;
        sleep(Duration::from_millis(random.u64(..60))).await;
        stage.kill_and_start().await;
        stage.settled().await;
        assert_eq!(held.check().await, Ok(()));
    }
    drop(held);
    stage.haproxy().await;
    stage.end().await;
}

#[tokio::test]
async fn a_second_stalls_process_in_the_same_directories_says_so_and_ends() {
    let stage = Stage::with_scale(2).await;
    let haproxy = stage.haproxy().await;
    let second = run(stage.launch()).await;
    assert_eq!(second.code, Some(64));
    let lines: Vec<Value> = second.stdout.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().filter(|line| line["level"] != "info").collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert!(told[0]["error"].as_str().unwrap().contains("RUN_DIR"), "{}", told[0]);
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
}

#[tokio::test]
async fn a_container_without_an_index_keeps_its_port() {
    let mut stage = Stage::prepared(3).await;
    stage.change(|world| world.web().containers.iter_mut().for_each(|c| c.service_index = json!(""))).await;
    let mut stage = stage.started().await;
    stage.change(|world| world.web().remove(1)).await;
    stage.settled().await;
    stage.end().await;
    stage.start();
    stage.settled().await;
    stage.kill().await;
    stage.start();
    stage.line(PLAN_APPLIED).await;
    stage.settled().await;
}

#[tokio::test]
async fn revisions_grow_across_restarts() {
    let mut stage = Stage::with_scale(3).await;
    let first = stage.line(PLAN_APPLIED).await["revision"].as_u64().unwrap();
    let saved = stage.state_dir().join("state.json");
    until("the state is saved", || saved.exists()).await;
    stage.end().await;
    stage.start();
    let second = stage.line(PLAN_APPLIED).await;
    assert!(second["revision"].as_u64().unwrap() > first);
}
