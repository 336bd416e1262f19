//! Clients do not notice a reload.
//!
//! Reloads are rare. Here a template makes every change a reload.

use std::collections::VecDeque;

use serde_json::json;
use stalls_lab::{
    load::{Expect, Load, Targets},
    stalls::messages::{ALWAYS_RELOADS, DIED, PLAN_APPLIED, TOO_MANY_DRAIN},
};

use crate::harness::{BASE, POOL, Stage, end_well, times, until};

const BYSTANDERS: u16 = 4;

/// How many of the connections that are opened on the way stay open. HAProxy 2.6 keeps the listening
/// sockets of a process that drains in its epoll set, so each process that is kept is woken by each
/// new connection; with many of them the load would starve the reloads.
const KEPT: usize = 1;

#[tokio::test]
async fn reloads_under_load_break_and_refuse_nothing() {
    let mut stage = Stage::prepared(BYSTANDERS.into()).await.with_reloads().started().await;
    let first = stage.haproxy().await;
    let targets = Targets::new();
    let mut held = Vec::new();
    for port in BASE..BASE + BYSTANDERS {
        let connection = stage.hold(port).await;
        targets.set(stage.address(port), Expect::Container(connection.landing().uuid.clone()));
        held.push(connection);
    }
    let load = Load::start(2, &targets);
    let mut on_the_way = VecDeque::new();
    let reloads = times(5, 20);
    for reload in 0..reloads {
        let scale = BYSTANDERS + 1 - reload % 2;
        stage.change(|world| world.web().scale_to(scale.into())).await;
        stage.settled().await;
        on_the_way.push_back(stage.hold(BASE + reload % BYSTANDERS).await);
        if on_the_way.len() > KEPT {
            on_the_way.pop_front();
        }
    }
    end_well(load).await;
    held.extend(on_the_way);
    for connection in &mut held {
        assert_eq!(connection.check().await, Ok(()));
    }
    // The first one and the last few wait for their connections, and one serves.
    until("no more processes than are needed", || stage.launch().haproxy_pids().len() <= KEPT + 2).await;
    assert!(stage.launch().haproxy_pids().contains(&first));
    let steps = [vec!["start"], vec!["reload"; reloads.into()]].concat();
    until("all plans are applied", || stage.steps().len() >= steps.len()).await;
    assert_eq!(stage.steps(), steps);
    drop(held);
    assert_ne!(stage.haproxy().await, first);
    stage.end().await;
}

#[tokio::test]
async fn an_old_process_ends_with_its_last_connection() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    let old = stage.haproxy().await;
    let (one, mut other) = (stage.hold(BASE).await, stage.hold(BASE + 1).await);
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    drop(one);
    assert_eq!(other.check().await, Ok(()));
    assert!(stage.launch().haproxy_pids().contains(&old));
    drop(other);
    assert_ne!(stage.haproxy().await, old);
}

#[tokio::test]
async fn a_template_that_makes_every_change_a_reload_is_used_with_a_warning() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    assert_eq!(stage.line(ALWAYS_RELOADS).await["level"], "warning");
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    assert_eq!(stage.applied().await["kind"], "other_frame");
    assert_eq!(stage.haproxy_cfg().await.matches("# used").count(), 4);
    stage.end().await;
}

#[tokio::test]
async fn after_a_reload_free_ports_refuse_at_once() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    for scale in [5, 2, 4] {
        stage.change(|world| world.web().scale_to(scale)).await;
        assert_eq!(stage.applied().await["step"], "reload");
        for port in BASE + u16::try_from(scale).unwrap()..BASE + POOL {
            stage.assert_refused(port).await;
        }
    }
}

#[tokio::test]
async fn of_too_many_processes_that_drain_the_oldest_is_ended_with_its_connections() {
    let mut stage = Stage::prepared(2).await.env("MAX_DRAINING", 2).with_reloads().started().await;
    let mut held = vec![stage.hold(BASE).await, stage.hold(BASE + 1).await];
    let first = stage.haproxy().await;
    for reload in 1..=3 {
        stage.change(|world| world.web().scale_to(2 + reload % 2)).await;
        stage.expect_lines(PLAN_APPLIED, reload + 1).await;
        if reload < 3 {
            assert_eq!(stage.lines(TOO_MANY_DRAIN).len(), 0);
            held.push(stage.hold(BASE).await);
        }
    }
    let ended = stage.line(TOO_MANY_DRAIN).await;
    assert_eq!((&ended["level"], &ended["haproxy_pid"]), (&json!("warning"), &json!(first)));
    assert_eq!((&ended["connections"], &ended["max_draining"]), (&json!(2), &json!(2)));
    until("the end of the oldest", || !stage.launch().haproxy_pids().contains(&first)).await;
    for connection in held.iter_mut().skip(2) {
        assert_eq!(connection.check().await, Ok(()));
    }
    for connection in held.iter_mut().take(2) {
        assert!(connection.check().await.is_err());
    }
    stage.expect_lines(TOO_MANY_DRAIN, 1).await;
    stage.expect_lines(DIED, 0).await;
    drop(held);
    stage.end().await;
}
