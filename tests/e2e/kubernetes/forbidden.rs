//! Rights that are missing, and an API server that wants to be left alone.

use serde_json::{Value, json};
use stalls_lab::{
    kubernetes::{Disturbance, Fault, Scope, World},
    stalls::messages::{FAULT_BEGINS, FAULT_ENDS},
};

use super::{KubernetesStage, stage::web};
use crate::harness::{BASE, Bystanders, Mapped, SOON, run};

const SHOP: &str = "shop";
const SHOP_BASE: u16 = 6000;

/// stalls maps a StatefulSet of each of two namespaces.
async fn two_namespaces() -> KubernetesStage {
    let it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).scale_to(3);
        options.world.stateful_set(SHOP, "api").scale_to(2);
    })
    .await
    .mapping("games/web:8080@5000+8 shop/api:8080@6000+4")
    .started()
    .await;
    shop_is_served(&it).await;
    it
}

async fn shop_is_served(it: &KubernetesStage) {
    for (port, uid) in (SHOP_BASE..).zip(it.server.read(uids_of_the_shop)) {
        it.stage.expect_port(port, &uid).await;
    }
}

fn uids_of_the_shop(world: &World) -> Vec<String> {
    world.pods(SHOP).map(|pod| pod.uid().to_owned()).collect()
}

#[tokio::test]
async fn a_namespace_that_may_not_be_read_concerns_its_own_services_only_and_says_which_right_is_missing() {
    let mut it = two_namespaces().await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.server.await_watched(SHOP, SOON).await;
    it.server.fault_only(Scope::everything().of_namespace(SHOP), Fault::Forbidden);
    it.server.disturb_only(SHOP, Disturbance::Expire);
    let fault = it.stage.line(FAULT_BEGINS).await;
    assert_eq!((&fault["kind"], &fault["level"]), (&json!("forbidden"), &json!("warning")), "{fault}");
    let said = fault.to_string();
    for word in ["pods", "list", "watch", SHOP] {
        assert!(said.contains(word), "{word}: {fault}");
    }
    // What it has mapped there stays, and the others go on.
    it.change_beside(&mut bystanders, |world| web(world).scale_to(4)).await;
    bystanders.follow(&it).await;
    shop_is_served(&it).await;
    let status = status(&it).await;
    let service = |name: &str| {
        let services = status["services"].as_array().unwrap();
        services.iter().find(|service| service.to_string().contains(name)).unwrap().clone()
    };
    assert_eq!(service("games")["state"], "ok", "{status:#}");
    assert_eq!(
        (&service(SHOP)["state"], &service(SHOP)["kind"]),
        (&json!("stale"), &json!("forbidden")),
        "{status:#}"
    );

    it.server.clear_fault();
    it.stage.line(FAULT_ENDS).await;
    it.change(|world| world.stateful_set(SHOP, "api").scale_to(3)).await;
    shop_is_served(&it).await;
    it.change_beside(&mut bystanders, |world| web(world).scale_to(2)).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
}

async fn status(it: &KubernetesStage) -> Value {
    let ended = run(&it.stage.launch().clone().arg("status").arg("--json")).await;
    serde_json::from_str(&ended.stdout.concat()).unwrap()
}

/// All requests in this scope are answered with this for a while; the ports stay as they are, and follow in the end.
async fn survives(scope: Scope, fault: Fault, kind: &str) {
    let mut it = KubernetesStage::with_replicas(3).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.watched().await;
    it.server.fault_only(scope, fault);
    // A list is to be asked for in place of the watch.
    it.server.end_watches(Disturbance::Expire).await;
    let begun = it.stage.line(FAULT_BEGINS).await;
    assert_eq!((&begun["kind"], &begun["level"]), (&json!(kind), &json!("warning")), "{begun}");
    it.change_lingering(|world| web(world).scale_to(1)).await;
    bystanders.notice_nothing().await;
    assert_eq!(it.stage.steps(), ["start"], "a fault led to a plan");
    bystanders.let_follow(&it);
    it.server.clear_fault();
    it.stage.line(FAULT_ENDS).await;
    it.pods_follow().await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    assert_eq!(it.stage.lines(FAULT_BEGINS).len(), 1);
    it.stage.assert_no_reload();
}

#[tokio::test]
async fn a_server_that_fails_takes_nothing_away() {
    survives(Scope::everything(), Fault::InternalError, "status").await;
}

#[tokio::test]
async fn a_server_that_has_too_many_requests_takes_nothing_away() {
    survives(Scope::everything(), Fault::TooManyRequests(1), "throttled").await;
}

#[tokio::test]
async fn an_answer_that_is_no_list_takes_nothing_away() {
    survives(Scope::everything(), Fault::Body(b"<html>Please log in.</html>".to_vec()), "malformed").await;
}

#[tokio::test]
async fn an_answer_that_ends_early_takes_nothing_away() {
    survives(Scope::lists(), Fault::Truncated, "unreachable").await;
}

#[tokio::test]
async fn an_answer_that_never_comes_takes_nothing_away() {
    survives(Scope::everything(), Fault::Hang, "timed_out").await;
}

#[tokio::test]
async fn a_watch_that_is_forbidden_takes_nothing_away() {
    survives(Scope::watches(), Fault::Forbidden, "forbidden").await;
}

#[tokio::test]
async fn a_right_that_is_missing_at_the_start_may_be_given_later() {
    let mut it = KubernetesStage::prepared(2).await;
    it.server.fault(Fault::Forbidden);
    it.stage.start();
    assert_eq!(it.stage.line(FAULT_BEGINS).await["kind"], "forbidden");
    it.stage.expect_refused(BASE).await;
    it.server.clear_fault();
    it.settled().await;
}

#[tokio::test]
async fn a_token_that_is_not_known_any_more_is_read_anew() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.watched().await;
    it.server.replace_token("another");
    it.server.end_watches(Disturbance::End).await;
    assert_eq!(it.stage.line(FAULT_BEGINS).await["kind"], "unauthorized");
    bystanders.notice_nothing().await;
    it.write_kubeconfig();
    it.stage.line(FAULT_ENDS).await;
    it.change_beside(&mut bystanders, |world| web(world).scale_to(3)).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    it.stage.expect_refused(BASE + 3).await;
}
