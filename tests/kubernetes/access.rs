//! What stalls may do, and by which account.

use serde_json::json;
use stalls_lab::stalls::messages::{FAULT_BEGINS, FAULT_ENDS};

use crate::harness::{Account, Clients, Cluster, GAMES, RIGHTS, Stage, USER};

#[tokio::test]
async fn a_right_that_is_missing_is_named_and_once_it_is_given_the_ports_follow() {
    let mut stage = Stage::bare(Cluster::start().await).await;
    stage.cluster.namespace(GAMES, &["list"]).await;
    stage.cluster.stateful_set(GAMES, "web", 2).await;
    stage.start(stage.launch());
    let fault = stage.line(FAULT_BEGINS).await;
    assert_eq!(fault["kind"], "forbidden", "{fault}");
    let error = fault["error"].as_str().unwrap();
    assert!(["watch", "pods", GAMES].iter().all(|word| error.contains(word)), "{fault}");
    stage.cluster.allow(GAMES, RIGHTS).await;
    stage.line(FAULT_ENDS).await;
    Clients::begin(&stage).await.end().await;
}

#[tokio::test]
async fn stalls_lists_and_watches_pods_of_its_namespaces_and_does_nothing_else() {
    let mut stage = Stage::started(2).await;
    stage.cluster.scale(GAMES, "web", 3).await;
    stage.settled().await;
    stage.cluster.kill_api_server();
    stage.line(FAULT_BEGINS).await;
    stage.cluster.start_api_server().await;
    stage.line(FAULT_ENDS).await;
    let asked = stage.cluster.audit();
    for verb in RIGHTS {
        assert!(asked.iter().any(|event| event["verb"] == *verb), "there is no {verb}");
    }
    for event in asked {
        let (verb, object) = (event["verb"].as_str().unwrap(), &event["objectRef"]);
        assert!(RIGHTS.contains(&verb) && event["user"]["username"] == USER, "{event}");
        assert_eq!((&object["resource"], &object["namespace"]), (&json!("pods"), &json!(GAMES)), "{event}");
    }
}

/// stalls in a pod of the cluster.
async fn in_cluster() -> (Stage, Account) {
    let mut stage = Stage::prepared(2).await;
    let account = Account::create(&stage.cluster).await;
    stage.start(account.launch(stage.launch(), &stage.cluster));
    stage.settled().await;
    (stage, account)
}

#[tokio::test]
async fn in_a_pod_its_own_account_is_used_and_a_token_that_is_renewed_is_read_anew() {
    let (mut stage, mut account) = in_cluster().await;
    let mut clients = Clients::begin(&stage).await;
    account.renew(&stage.cluster).await;
    // A server that is new does not remember the token before.
    stage.cluster.kill_api_server();
    stage.cluster.start_api_server().await;
    clients.let_change(&stage, 2..4);
    stage.cluster.scale(GAMES, "web", 4).await;
    clients.settle(&stage).await;
    clients.end().await;
}

#[tokio::test]
async fn a_certificate_authority_that_is_replaced_is_read_anew() {
    let (mut stage, mut account) = in_cluster().await;
    let mut clients = Clients::begin(&stage).await;
    stage.cluster.replace_authority().await;
    stage.line(FAULT_BEGINS).await;
    clients.notice_nothing().await;
    account.renew(&stage.cluster).await;
    clients.let_change(&stage, 2..4);
    stage.cluster.scale(GAMES, "web", 4).await;
    clients.settle(&stage).await;
    stage.line(FAULT_ENDS).await;
    clients.end().await;
}
