//! Ports of the pool that another program holds.

use std::net::TcpListener;

use serde_json::json;
use stalls_lab::stalls::{
    Signal,
    messages::{PORT_BINDABLE_AGAIN, PORT_UNBINDABLE, UNUSED_UNBINDABLE},
};
use tokio::task::JoinHandle;

use crate::harness::{BASE, Bystanders, POOL, Stage, real_haproxy};

fn take(stage: &Stage, port: u16) -> TcpListener {
    TcpListener::bind(stage.address(port)).expect("the port is free")
}

/// Takes a port and closes each connection to it, until it is aborted.
fn answer(stage: &Stage, port: u16) -> JoinHandle<()> {
    let taken = take(stage, port);
    taken.set_nonblocking(true).expect("a socket option");
    let taken = tokio::net::TcpListener::from_std(taken).expect("a listening socket");
    tokio::spawn(async move {
        loop {
            drop(taken.accept().await);
        }
    })
}

/// The ports that were logged as taken, an example for each line, in order.
fn said(stage: &Stage) -> Vec<u64> {
    stage.lines(PORT_UNBINDABLE).iter().filter_map(|line| line["port"].as_u64()).collect()
}

#[tokio::test]
async fn a_port_that_is_taken_at_the_start_is_served_once_it_is_free() {
    let mut stage = Stage::prepared(3).await;
    let taken = take(&stage, BASE + 1);
    stage.start();
    let line = stage.line(PORT_UNBINDABLE).await;
    assert_eq!((&line["port"], &line["level"]), (&json!(BASE + 1), &json!("error")));
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.expect_port(BASE + 2, &stage.uuid(3)).await;

    stage.change(|world| world.web().scale_to(4)).await;
    stage.expect_port(BASE + 3, &stage.uuid(4)).await;
    drop(taken);
    stage.settled().await;
    assert_eq!(said(&stage), [u64::from(BASE) + 1]);
}

#[tokio::test]
async fn each_of_several_taken_ports_is_served_once_it_is_free() {
    let mut stage = Stage::prepared(4).await;
    let (first, second) = (take(&stage, BASE), take(&stage, BASE + 2));
    stage.start();
    stage.expect_port(BASE + 1, &stage.uuid(2)).await;
    stage.expect_port(BASE + 3, &stage.uuid(4)).await;
    drop(first);
    stage.expect_port(BASE, &stage.uuid(1)).await;
    drop(second);
    stage.settled().await;
    assert_eq!(said(&stage), [u64::from(BASE)]);
    assert_eq!(stage.lines(PORT_UNBINDABLE)[0]["ports"], 2, "one line for both");
}

#[tokio::test]
async fn a_free_port_that_is_taken_meanwhile_costs_only_its_container() {
    let mut stage = Stage::with_scale(3).await;
    let mut held = stage.hold(BASE).await;
    let taken = take(&stage, BASE + 3);
    stage.change(|world| world.web().scale_to(5)).await;
    stage.expect_port(BASE + 4, &stage.uuid(5)).await;
    assert_eq!(stage.line(PORT_UNBINDABLE).await["port"], BASE + 3);
    stage.expect_port(BASE, &stage.uuid(1)).await;
    drop(taken);
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
}

#[tokio::test]
async fn a_port_that_is_taken_after_its_container_has_left_is_served_again_when_both_are_back() {
    let mut stage = Stage::with_scale(3).await;
    stage.change(|world| world.web().scale_to(2)).await;
    stage.expect_refused(BASE + 2).await;
    stage.haproxy().await;
    let taken = take(&stage, BASE + 2);
    stage.change(|world| world.web().scale_to(3)).await;
    stage.line(PORT_UNBINDABLE).await;
    drop(taken);
    stage.settled().await;
}

#[tokio::test]
async fn a_pool_that_is_taken_as_a_whole_is_served_once_it_is_free() {
    let mut stage = Stage::prepared(3).await;
    let taken: Vec<_> = (0..16).map(|slot| take(&stage, BASE + slot)).collect();
    stage.start();
    stage.line(PORT_UNBINDABLE).await;
    drop(taken);
    stage.settled().await;
}

#[tokio::test]
async fn a_port_that_is_taken_for_a_while_does_not_affect_the_clients_of_others() {
    let mut stage = Stage::with_scale(3).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    // Free ports are open for a moment at each reload: the one without this port and the one with it.
    bystanders.let_refuse(&stage, BASE + 3..BASE + POOL);
    let taken = answer(&stage, BASE + 3);
    bystanders.change(&mut stage, |world| world.web().scale_to(5)).await;
    stage.line(PORT_UNBINDABLE).await;
    stage.expect_port(BASE + 4, &stage.uuid(5)).await;
    bystanders.notice_nothing().await;
    assert_eq!(stage.applied().await["step"], "reload");
    let mark = stage.stalls().log_mark();
    taken.abort();
    stage.reload_after(mark).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    stage.expect_lines(PORT_UNBINDABLE, 1).await;
    stage.expect_lines(PORT_BINDABLE_AGAIN, 1).await;
    stage.end().await;
}

#[tokio::test]
async fn a_port_that_is_taken_does_not_keep_a_haproxy_that_dies_from_coming_back() {
    let mut stage = Stage::with_scale(3).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    bystanders.let_break(&stage);
    let taken = answer(&stage, BASE + 3);
    stage.stalls().signal_haproxy(Signal::KILL);
    // No container needs it.
    assert_eq!(stage.line(UNUSED_UNBINDABLE).await["port"], BASE + 3);
    for index in 1..=3 {
        stage.expect_port(BASE + u16::try_from(index).unwrap() - 1, &stage.uuid(index)).await;
    }
    taken.abort();
    bystanders.recover(&stage).await;
    // One does now. Free ports are open for a moment during the reload that adds this port.
    bystanders.let_break(&stage);
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    stage.line(PORT_BINDABLE_AGAIN).await;
    stage.reload_after(0).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    stage.expect_lines(PORT_UNBINDABLE, 0).await;
    stage.expect_lines(PORT_BINDABLE_AGAIN, 1).await;
    stage.end().await;
}

#[tokio::test]
async fn another_haproxy_cannot_share_a_port_with_ours() {
    let mut stage = Stage::with_scale(3).await;
    // Without it HAProxy binds with SO_REUSEPORT, and the kernel deals the connections out to both.
    let bind = stage.address(BASE);
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("haproxy.cfg");
    let text = format!(
        "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n\
         listen other\n  bind {bind}\n  server s 127.0.0.1:9\n"
    );
    std::fs::write(&configuration, text).unwrap();
    let other =
        std::process::Command::new(real_haproxy()).args(["-db", "-f"]).arg(&configuration).output().unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).to_lowercase().contains("cannot bind"), "{other:?}");
    stage.settled().await;
    stage.end().await;
}
