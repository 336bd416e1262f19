//! Another program changes HAProxy at runtime. stalls notices, logs and repairs that.

use std::net::Ipv4Addr;

use stalls_lab::{
    client::Held,
    stalls::{
        Signal,
        messages::{CHANGED_EXTERNALLY, DOES_NOT_ANSWER, PLAN_APPLIED},
    },
};

use crate::harness::{BASE, POOL, Stage, until};

/// stalls compares HAProxy with the plan each second.
async fn watched(scale: usize) -> Stage {
    Stage::prepared(scale).await.env("RECONCILE_INTERVAL_MS", 1000).started().await
}

/// Where the container with this index is.
fn address(stage: &Stage, index: u32) -> Ipv4Addr {
    stage.server.read(|world| world.service("app", "web").container(index).address())
}

async fn check(held: &mut [Held]) {
    for connection in held {
        assert_eq!(connection.check().await, Ok(()), "{:?}", connection.landing());
    }
}

#[tokio::test]
async fn any_external_change_of_haproxy_is_logged_and_repaired() {
    let stage = watched(8).await;
    let haproxy = stage.haproxy().await;
    let mut held = Vec::new();
    for port in [BASE, BASE + 1, BASE + 7] {
        held.push(stage.hold(port).await);
    }
    let [one, two, three, four, five, six, free] = [1, 2, 3, 4, 5, 6, POOL - 1].map(|slot| BASE + slot);
    let foreign = format!(
        "set server p{one}/c addr {} port 8080; disable frontend p{two}; set server p{three}/c state maint; \
         set server p{four}/c state drain; set server p{five}/c weight 0; set server p{six}/c addr {} port 9; \
         enable frontend p{free}",
        address(&stage, 1),
        address(&stage, 7),
    );
    let mark = stage.stalls().log_mark();
    stage.cli(&foreign).await;
    let told = stage.line_after(mark, CHANGED_EXTERNALLY).await;
    assert_eq!(told["level"], "warning");
    let ports = [one, two, three, four, five, six, free];
    assert!(ports.iter().any(|port| told["port"] == *port) && told["found"] != told["left"], "{told}");
    let count = |line: &serde_json::Value| line["ports"].as_u64().unwrap();
    until("all of them are told of", || stage.lines(CHANGED_EXTERNALLY).iter().map(count).sum::<u64>() >= 7)
        .await;
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
    // The first connection's container was reached on two ports meanwhile; the second one's port led elsewhere.
    check(&mut held).await;
}

#[tokio::test]
async fn connections_to_the_right_container_outlive_the_repair_of_their_own_port() {
    let stage = watched(3).await;
    let mut held = [stage.hold(BASE).await, stage.hold(BASE + 1).await, stage.hold(BASE + 2).await];
    stage.cli(&format!("set server p{BASE}/c addr {} port 8080", address(&stage, 2))).await;
    stage.cli(&format!("set server p{}/c addr {} port 9", BASE + 1, address(&stage, 2))).await;
    stage.cli(&format!("set server p{}/c state drain", BASE + 2)).await;
    stage.line(CHANGED_EXTERNALLY).await;
    stage.settled().await;
    check(&mut held).await;
    stage.assert_no_reload();
}

#[tokio::test]
async fn a_repeated_external_change_is_repaired_each_time() {
    let stage = watched(3).await;
    let mut held = [stage.hold(BASE).await];
    let commands = [format!("disable frontend p{}", BASE + 1), format!("enable frontend p{}", BASE + 3)];
    for command in commands.iter().cycle().take(4) {
        let mark = stage.stalls().log_mark();
        stage.cli(command).await;
        let said = stage.line_after(mark, CHANGED_EXTERNALLY).await;
        assert_eq!(said["ports"], 1);
        stage.settled().await;
    }
    check(&mut held).await;
    stage.assert_no_reload();
}

#[tokio::test]
async fn an_external_change_that_fits_the_plan_is_left_alone() {
    let mut stage = Stage::with_scale(3).await;
    // The port is opened, but HAProxy still has to be told where it leads.
    stage.cli(&format!("enable frontend p{}; set server p{}/c state ready", BASE + 3, BASE + 3)).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.assert_no_reload();
}

#[tokio::test]
async fn a_frontend_that_was_shut_down_externally_comes_back_with_a_reload() {
    let stage = watched(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, [stage.hold(BASE).await, stage.hold(BASE + 2).await]);
    stage.cli(&format!("shutdown frontend p{}", BASE + 1)).await;
    // From 3.0 on the port is still bound, and its clients wait until then.
    stage.reload_after(0).await;
    stage.settled().await;
    check(&mut held).await;
    drop(held);
    assert_ne!(stage.haproxy().await, haproxy);
}

#[tokio::test]
async fn a_free_port_that_was_shut_down_externally_comes_back_when_it_is_needed() {
    let mut stage = Stage::with_scale(3).await;
    let (haproxy, mut held) = (stage.haproxy().await, [stage.hold(BASE).await]);
    stage.cli(&format!("shutdown frontend p{}", BASE + 3)).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    assert_eq!(stage.reload_after(0).await["kind"], "desync");
    check(&mut held).await;
    drop(held);
    assert_ne!(stage.haproxy().await, haproxy);

    // From then on changes are made at runtime again.
    stage.change(|world| world.web().scale_to(6)).await;
    assert_eq!(stage.applied().await["step"], "runtime");
    stage.settled().await;
}

#[tokio::test]
async fn an_external_change_while_stalls_was_down_is_repaired_by_the_next_process() {
    let mut stage = Stage::with_scale(4).await;
    let (haproxy, mut held) = (stage.haproxy().await, [stage.hold(BASE).await]);
    stage.kill().await;
    let foreign = format!(
        "set server p{}/c addr {} port 8080; disable frontend p{}; enable frontend p{}",
        BASE + 1,
        address(&stage, 1),
        BASE + 2,
        BASE + 5
    );
    stage.cli(&foreign).await;
    stage.start();
    stage.settled().await;
    assert_eq!(stage.line(PLAN_APPLIED).await["step"], "runtime");
    assert_eq!(stage.haproxy().await, haproxy);
    check(&mut held).await;
}

#[tokio::test]
async fn a_haproxy_that_hangs_is_noticed_without_any_change() {
    let stage = watched(3).await;
    let hung = stage.haproxy().await;
    stage.stalls().signal_haproxy(Signal::STOP);
    stage.line(DOES_NOT_ANSWER).await;
    stage.settled().await;
    until("another HAProxy", || stage.launch().haproxy_pids() != [hung]).await;
}
