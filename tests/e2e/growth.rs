//! More containers than the pool has ports, without `PORT_COUNT`.

use std::{fs, process::Command};

use serde_json::Value;
use stalls_lab::{
    load::{Expect, Load, Targets},
    stalls::messages::{ACCEPTED_AGAIN, NOT_ACCEPTED, NOT_MAPPED, PLAN_APPLIED},
};
use tokio::task::spawn_blocking;

use crate::harness::{BASE, Bystanders, POOL, Script, Stage, end_well, until};

/// The service publishes as many ports as the pool usually has.
async fn prepared(scale: u16) -> Stage {
    let mut stage = Stage::prepared(scale.into()).await.without("PORT_COUNT");
    let published = (BASE..BASE + POOL).map(|port| format!("{port}:{port}/tcp")).collect();
    stage.change(|world| world.cattle("app", "stalls").ports = published).await;
    stage
}

async fn stage(scale: u16) -> Stage {
    prepared(scale).await.started().await
}

#[tokio::test]
async fn the_pool_grows_by_one_reload_that_no_client_notices() {
    let mut stage = stage(POOL).await;
    let first = stage.haproxy().await;
    let targets = Targets::new();
    let mut held = Vec::new();
    for port in BASE..BASE + POOL {
        let connection = stage.hold(port).await;
        targets.set(stage.address(port), Expect::Container(connection.landing().uuid.clone()));
        held.push(connection);
    }
    let load = Load::start(2, &targets);
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    let grown = stage.applied().await;
    assert_eq!((grown["step"].as_str(), grown["kind"].as_str()), (Some("reload"), Some("more_ports")));
    for connection in &mut held {
        assert_eq!(connection.check().await, Ok(()));
    }
    drop(held);
    let second = stage.haproxy().await;
    assert_ne!(second, first);

    // The pool has room for more now, so another container needs no reload.
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 9)).await;
    assert_eq!(stage.applied().await["step"], "runtime");
    for index in POOL + 1..=POOL + 9 {
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    end_well(load).await;
    assert_eq!(stage.haproxy().await, second);
    assert_eq!(stage.lines(NOT_MAPPED).len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_pool_that_has_to_grow_while_the_binary_is_missing_grows_when_it_is_back() {
    let haproxy = Script::new(r#"exec "$HAPROXY" "$@""#);
    let mut stage = prepared(POOL).await.env("HAPROXY_BIN", haproxy.path().display()).started().await;
    let bystanders = Bystanders::begin(&stage).await;
    fs::rename(haproxy.path(), haproxy.beside("away")).unwrap();
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    assert_eq!(stage.line(NOT_ACCEPTED).await["kind"], "check");
    fs::rename(haproxy.beside("away"), haproxy.path()).unwrap();
    stage.line(ACCEPTED_AGAIN).await;
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    stage.expect_lines(PLAN_APPLIED, 2).await;
    bystanders.end().await;
    stage.expect_lines(NOT_ACCEPTED, 1).await;
    stage.expect_lines(ACCEPTED_AGAIN, 1).await;
    assert_eq!(stage.steps(), ["start", "reload"]);
}

#[tokio::test]
async fn a_slow_check_of_a_larger_pool_delays_no_change_of_the_ports_that_there_are() {
    // While there is that FIFO, a check lasts until the test writes to it.
    let haproxy = Script::new(
        r#"case " $* " in *" -c "*) [ ! -p "$0.slow" ] || read -r _ <"$0.slow" ;; esac
exec "$HAPROXY" "$@""#,
    );
    let slow = haproxy.beside("haproxy.slow");
    let mut stage = prepared(POOL).await.env("HAPROXY_BIN", haproxy.path().display()).started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    assert!(Command::new("mkfifo").arg(&slow).status().unwrap().success());
    bystanders.change(&mut stage, |world| world.web().scale_to(usize::from(POOL) + 1)).await;
    for index in [2_u16, 5] {
        bystanders.change(&mut stage, |world| drop(world.web().replace(u32::from(index)))).await;
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    bystanders.notice_nothing().await;
    stage.assert_refused(BASE + POOL).await;
    stage.assert_no_reload();

    // A thread of its own opens it: that waits for the check to read.
    spawn_blocking(move || fs::write(&slow, "go on\n").and_then(|()| fs::remove_file(slow)))
        .await
        .unwrap()
        .unwrap();
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    assert_eq!(stage.applied().await["step"], "reload");
    bystanders.end().await;
}

#[tokio::test]
async fn a_pool_that_has_grown_is_as_large_after_a_restart() {
    let mut stage = stage(POOL).await;
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    assert_eq!(stage.applied().await["step"], "reload");
    let haproxy = stage.haproxy().await;
    // The present containers would not make it grow.
    stage.change(|world| world.web().scale_to(POOL.into())).await;
    let shrunk = stage.applied().await;
    assert_eq!(shrunk["step"], "runtime");
    let revision = shrunk["revision"].clone();
    until("the state is saved", || saved_revision(&stage) == revision).await;
    stage.kill().await;
    stage.start();
    // A smaller pool would need a reload.
    assert_eq!(stage.line(PLAN_APPLIED).await["step"], "nothing");
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
}

fn saved_revision(stage: &Stage) -> Value {
    let saved = fs::read_to_string(stage.state_dir().join("state.json")).expect("there is a state");
    let saved: Value = serde_json::from_str(&saved).expect("it is replaced as a whole");
    saved["state"]["revision"].clone()
}

#[tokio::test]
async fn a_pool_with_a_port_count_does_not_grow() {
    let mut stage = Stage::with_scale(POOL.into()).await;
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    let unmapped = stage.line(NOT_MAPPED).await;
    assert_eq!(unmapped["uuid"].as_str(), Some(&*stage.uuid((POOL + 1).into())));
    stage.expect_refused(BASE + POOL).await;
    stage.assert_no_reload();
}
