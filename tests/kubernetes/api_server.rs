//! The API server ends, stands still, forgets, or is not reached.

use std::time::Duration;

use stalls_lab::{
    client::Held,
    stalls::{
        Signal,
        messages::{FAULT_BEGINS, FAULT_ENDS, LINGER, UNPROVEN},
    },
};
use tokio::time::sleep;

use crate::harness::{Clients, GAMES, Stage};

/// For so long it is believed that a container was there which is missing after a gap.
const PROOF: Duration = Duration::from_secs(30);

#[tokio::test]
async fn while_the_api_server_is_away_the_ports_stay_and_afterwards_they_follow_again() {
    let mut stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    stage.cluster.kill_api_server();
    stage.line(FAULT_BEGINS).await;
    clients.notice_nothing().await;
    stage.cluster.start_api_server().await;
    clients.let_change(&stage, 3..6);
    stage.cluster.scale(GAMES, "web", 6).await;
    clients.settle(&stage).await;
    stage.line(FAULT_ENDS).await;
    clients.end().await;
}

#[tokio::test]
async fn an_api_server_that_stands_still_for_a_while_is_followed_afterwards() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    let server = stage.cluster.api_server.as_ref().unwrap();
    server.signal(Signal::STOP);
    clients.notice_nothing().await;
    server.signal(Signal::CONT);
    clients.let_change(&stage, 1..5);
    stage.cluster.scale(GAMES, "web", 1).await;
    stage.cluster.scale(GAMES, "web", 5).await;
    clients.settle(&stage).await;
    clients.end().await;
}

/// Three pods are there when stalls is cut off. Then two of them are deleted, of which one runs on, and etcd forgets what
/// has happened.
async fn with_a_gap(cut_off: Duration) -> (Stage, Clients) {
    let mut stage = Stage::prepared(3).await;
    stage.start(stage.launch().env("LINGER_MS", 300_000));
    let mut clients = Clients::begin(&stage).await;
    stage.proxy.cut();
    stage.line(FAULT_BEGINS).await;
    stage.cluster.kubelet.let_run_on("games/web-1").await;
    stage.cluster.delete_stateful_set(GAMES, "web", "Orphan").await;
    clients.let_change(&stage, 2..3);
    for pod in ["web-1", "web-2"] {
        stage.cluster.delete_pod(GAMES, pod, true).await;
    }
    stage.cluster.ready_pods(GAMES, 1).await;
    stage.cluster.kill_api_server();
    stage.cluster.start_api_server().await;
    stage.cluster.compact().await;
    sleep(cut_off).await;
    (stage, clients)
}

#[tokio::test]
async fn a_pod_that_is_missing_after_a_gap_keeps_its_port_while_its_process_is_there() {
    let (stage, mut clients) = with_a_gap(Duration::ZERO).await;
    stage.proxy.pass();
    stage.line(LINGER).await;
    stage.refuses(stage.place(2).0).await;
    clients.notice_nothing().await;
    clients.let_change(&stage, 1..2);
    stage.cluster.kubelet.end_what_ran_on().await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn a_pod_that_is_missing_after_a_long_gap_takes_no_new_connections_and_keeps_those_it_has() {
    let (stage, mut clients) = with_a_gap(PROOF).await;
    let (port, _) = stage.place(1);
    let mut held = Held::connect(port).await.unwrap();
    clients.let_change(&stage, 1..2);
    stage.proxy.pass();
    stage.line(UNPROVEN).await;
    clients.settle(&stage).await;
    assert_eq!(held.check().await, Ok(()));
    clients.end().await;
}

#[tokio::test]
async fn a_connection_that_has_become_silent_is_given_up() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    stage.proxy.forget();
    clients.let_change(&stage, 1..3);
    stage.cluster.scale(GAMES, "web", 1).await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn an_etcd_from_a_backup_is_followed_though_its_versions_are_older() {
    let mut stage = Stage::started(2).await;
    let mut clients = Clients::begin(&stage).await;
    stage.cluster.save("backup");
    clients.let_change(&stage, 2..6);
    stage.cluster.scale(GAMES, "web", 6).await;
    clients.settle(&stage).await;
    clients.let_change(&stage, 2..6);
    stage.cluster.restore("backup").await;
    stage.cluster.scale(GAMES, "web", 3).await;
    clients.settle(&stage).await;
    clients.end().await;
}
