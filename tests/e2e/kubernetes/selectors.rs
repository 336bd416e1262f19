//! Pods that a label selector brings together, and pods that nothing controls any more.

use std::collections::BTreeSet;

use stalls_lab::{
    client::landing,
    kubernetes::{Pod, World},
    stalls::messages::{OTHER_SERVICES, PLAN_APPLIED},
};

use super::{GAMES, KubernetesStage, stage::web};
use crate::harness::{BASE, Bystanders, Mapped, until};

/// Plain pods with the label `app=room`, as a Deployment has them.
fn create_rooms(world: &mut World, names: &[&str]) {
    for name in names {
        let room = Pod::new(GAMES, &format!("room-7d9-{name}")).label("app", "room").port(8080);
        world.create(room.owned_by("ReplicaSet", "room-7d9", "uid-of-room-7d9"));
    }
}

/// Which pods are on the first `count` ports.
async fn landed(it: &KubernetesStage, count: u16) -> Vec<String> {
    let mut landed = Vec::new();
    for port in BASE..BASE + count {
        landed.push(landing(it.stage.address(port)).await.expect("each of them serves").uuid);
    }
    landed
}

#[tokio::test]
async fn plain_pods_keep_ports_of_their_own_and_one_warning_says_that_nodes_may_differ() {
    let it = KubernetesStage::prepared_with(|options| create_rooms(&mut options.world, &["a", "b", "c"]));
    let mut it = it.await.env("SERVICE_NAME", "app=room");
    it.stage.start();
    assert_eq!(it.stage.line(PLAN_APPLIED).await["mapped"], 3);
    let before = landed(&it, 3).await;
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 3);
    it.change(|world| create_rooms(world, &["d"])).await;
    until("a fourth is mapped", || {
        it.stage.lines(PLAN_APPLIED).last().is_some_and(|line| line["mapped"] == 4)
    })
    .await;
    assert_eq!(landed(&it, 4).await[..3], before);
    let warnings = warnings(&it);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(it.server.asked()[0].parameter("labelSelector"), Some("app=room"));
}

/// What was logged above info.
fn warnings(it: &KubernetesStage) -> Vec<serde_json::Value> {
    let lines = it.stage.stalls().log_lines().into_iter();
    lines.filter(|line| !["debug", "info"].contains(&line["level"].as_str().unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_stateful_set_that_a_selector_finds_has_the_ports_of_its_ordinals() {
    let it = KubernetesStage::prepared_with(|options| {
        options.world.stateful_set(GAMES, "web").from_ordinal(2).scale_to(3);
        options.world.stateful_set(GAMES, "api").scale_to(2);
    });
    let it = it.await.env("SERVICE_NAME", "app=web").started().await;
    it.stage.assert_calm();
}

#[tokio::test]
async fn pods_of_two_stateful_sets_have_no_index_and_one_warning_says_so() {
    let it = KubernetesStage::prepared_with(|options| {
        options.world.stateful_set(GAMES, "chess").app("game").scale_to(2);
        options.world.stateful_set(GAMES, "go").app("game").scale_to(2);
    });
    let mut it = it.await.env("SERVICE_NAME", "app=game,tier!=test");
    it.stage.start();
    assert_eq!(it.stage.line(PLAN_APPLIED).await["mapped"], 4);
    assert_eq!(landed(&it, 4).await.into_iter().collect::<BTreeSet<_>>().len(), 4);
    it.stage.line(OTHER_SERVICES).await;
    it.change(|world| world.stateful_set(GAMES, "go").scale_to(3)).await;
    until("a fifth is mapped", || {
        it.stage.lines(PLAN_APPLIED).last().is_some_and(|line| line["mapped"] == 5)
    })
    .await;
    let warnings = warnings(&it);
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
}

#[tokio::test]
async fn a_pod_that_leaves_the_selector_leaves_its_port_and_gets_it_back() {
    let it = KubernetesStage::prepared(3).await.env("SERVICE_NAME", "app=web");
    let mut it = it.started().await;
    let relabel = |value: &'static str| {
        move |world: &mut World| {
            web(world).edit(1, |pod| drop(pod.labels.insert("app".to_owned(), value.to_owned())));
        }
    };
    it.change_lingering(relabel("debug")).await;
    it.stage.expect_refused(BASE + 1).await;
    it.change_lingering(relabel("web")).await;
    it.settled().await;
}

#[tokio::test]
async fn orphans_of_a_deleted_set_keep_their_ports() {
    let mut it = KubernetesStage::with_replicas(3).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.change(|world| web(world).orphan()).await;
    it.watched().await;
    bystanders.notice_nothing().await;
    // stalls has read that, since it has followed what came after it.
    it.change_beside(&mut bystanders, |world| world.remove(GAMES, "web-2")).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    it.stage.assert_calm();
}
