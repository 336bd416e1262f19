//! StatefulSets are scaled, rolled out, deleted and made again.

use serde_json::json;

use crate::harness::{Clients, GAMES, Stage};

#[tokio::test]
async fn ports_open_and_refuse_as_a_stateful_set_is_scaled_and_the_others_notice_nothing() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    for (replicas, changing) in [(7, 3..7), (2, 2..7), (4, 2..4)] {
        clients.let_change(&stage, changing);
        stage.cluster.scale(GAMES, "web", replicas).await;
        clients.settle(&stage).await;
    }
    clients.end().await;
}

#[tokio::test]
async fn a_rolling_update_moves_each_port_to_the_next_pod_of_its_name() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    // The controller begins with the last one, and goes on when the next pod is ready.
    clients.let_change(&stage, 1..3);
    let before = stage.cluster.pods(GAMES).await;
    let rolled = before.iter().filter(|(name, _)| *name != "web-0");
    let rolled = rolled.map(|(name, uid)| (name.clone(), uid.clone())).collect();
    let annotations = json!({"metadata": {"annotations": {"rolled": "once"}}});
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    let update = json!({"spec": {"template": annotations, "updateStrategy": strategy}});
    stage.cluster.patch_stateful_set(GAMES, "web", &update).await;
    stage.cluster.replaced(GAMES, &rolled).await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn a_deleted_stateful_set_frees_its_ports_and_has_them_again_when_it_is_made_anew() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    clients.let_change(&stage, 0..3);
    stage.cluster.delete_stateful_set(GAMES, "web", "Background").await;
    stage.cluster.ready_pods(GAMES, 0).await;
    clients.settle(&stage).await;
    clients.let_change(&stage, 0..4);
    stage.cluster.stateful_set(GAMES, "web", 4).await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn pods_that_a_stateful_set_leaves_behind_keep_their_ports_and_so_do_those_that_it_adopts() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    stage.cluster.delete_stateful_set(GAMES, "web", "Orphan").await;
    // What is seen later was changed later.
    clients.let_change(&stage, 1..2);
    stage.cluster.delete_pod(GAMES, "web-1", false).await;
    stage.cluster.ready_pods(GAMES, 2).await;
    clients.settle(&stage).await;
    clients.let_change(&stage, [1, 3]);
    stage.cluster.stateful_set(GAMES, "web", 4).await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn a_pod_that_is_deleted_by_force_loses_its_port_though_its_process_runs_on() {
    let stage = Stage::started(3).await;
    let mut clients = Clients::begin(&stage).await;
    stage.cluster.kubelet.let_run_on("games/web-1").await;
    clients.let_change(&stage, 1..2);
    let before = stage.cluster.pods(GAMES).await;
    let gone = [("web-1".to_owned(), before["web-1"].clone())].into();
    stage.cluster.delete_pod(GAMES, "web-1", true).await;
    stage.cluster.replaced(GAMES, &gone).await;
    clients.settle(&stage).await;

    // Nothing takes its place.
    stage.cluster.delete_stateful_set(GAMES, "web", "Orphan").await;
    clients.let_change(&stage, 1..2);
    stage.cluster.delete_pod(GAMES, "web-1", true).await;
    clients.settle(&stage).await;
    clients.end().await;
}
