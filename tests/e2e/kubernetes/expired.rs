//! The history that stalls needs is forgotten, and pods have gone meanwhile.
//!
//! A new list does not say how a pod has left: it lingers while its address answers.

use stalls_lab::{
    kubernetes::{Disturbance, Fault, Scope, World},
    stalls::messages::{GONE, LINGER},
};

use super::{
    KubernetesStage,
    stage::{assignments, web},
};
use crate::harness::{BASE, Bystanders};

/// A stage whose missing pods linger, as users have it.
async fn started(expires_by_status: bool) -> KubernetesStage {
    let it = KubernetesStage::prepared_with(|options| {
        options.expires_by_status = expires_by_status;
        web(&mut options.world).scale_to(4);
    });
    it.await.without("LINGER_MS").started().await
}

/// The watch learns nothing of this, and cannot go on from where it was.
async fn forget(it: &mut KubernetesStage, change: impl FnOnce(&mut World)) {
    it.watched().await;
    it.server.disturb(Disturbance::Mute);
    it.change_lingering(|world| {
        change(world);
        world.change_something_foreign();
        world.compact();
    })
    .await;
    let asked = it.server.asked().len();
    it.server.end_watches(Disturbance::End).await;
    it.asked_after(asked, |asked| asked.is_list()).await;
}

#[tokio::test]
async fn a_pod_that_is_missing_in_the_new_list_lingers_until_its_process_ends() {
    for expires_by_status in [false, true] {
        let mut it = started(expires_by_status).await;
        let mut bystanders = Bystanders::begin(&it).await;
        forget(&mut it, |world| web(world).remove(3)).await;
        assert_eq!(it.stage.line(LINGER).await["containers"], 1);
        bystanders.notice_nothing().await;

        bystanders.let_follow(&it);
        it.pods_follow().await;
        it.stage.line(GONE).await;
        bystanders.follow(&it).await;
        bystanders.end().await;
        it.stage.assert_no_reload();
    }
}

#[tokio::test]
async fn a_pod_that_was_replaced_meanwhile_is_gone_and_its_successor_has_its_port() {
    for expires_by_status in [false, true] {
        let mut it = started(expires_by_status).await;
        let mut bystanders = Bystanders::begin(&it).await;
        let mut world = it.server.read(World::clone);
        web(&mut world).replace(1);
        bystanders.let_become(&it, &assignments(&world));
        forget(&mut it, |current| *current = world).await;
        bystanders.follow(&it).await;
        assert_eq!(it.stage.lines(LINGER).len(), 0, "another has its name: that takes a deletion");
        bystanders.end().await;
        it.stage.assert_no_reload();
    }
}

#[tokio::test]
async fn an_address_that_another_pod_has_got_meanwhile_is_that_pods_alone() {
    for expires_by_status in [false, true] {
        let mut it = started(expires_by_status).await;
        let mut bystanders = Bystanders::begin(&it).await;
        let mut world = it.server.read(World::clone);
        let taken = web(&mut world).pod(3).ips.clone();
        web(&mut world).remove(3);
        web(&mut world).create_as(5, |pod| pod.at(taken));
        bystanders.let_become(&it, &assignments(&world));
        forget(&mut it, |current| *current = world).await;
        it.stage.expect_refused(BASE + 3).await;
        it.pods_follow().await;
        bystanders.follow(&it).await;
        bystanders.end().await;
    }
}

#[tokio::test]
async fn nothing_changes_by_a_new_list_of_the_same() {
    let mut it = started(false).await;
    let mut bystanders = Bystanders::begin(&it).await;
    for _ in 0..3 {
        forget(&mut it, |_| {}).await;
        bystanders.notice_nothing().await;
    }
    assert_eq!(it.stage.steps(), ["start"]);
    it.stage.assert_calm();
    bystanders.end().await;
}

#[tokio::test]
async fn a_watch_that_always_expires_is_no_loop() {
    let mut it = started(false).await;
    let mut bystanders = Bystanders::begin(&it).await;
    let asked = it.server.asked().len();
    it.server.fault_only(Scope::watches(), Fault::Gone);
    it.server.end_watches(Disturbance::Expire).await;
    it.asked_after(asked, |asked| asked.is_watch()).await;
    it.change_beside(&mut bystanders, |world| web(world).scale_to(5)).await;
    // Each list tells what has changed.
    bystanders.follow(&it).await;
    bystanders.end().await;
    assert!(it.server.asked().len() - asked < 200, "{:#?}", it.server.asked());
    it.server.clear_fault();
    it.watched().await;
}
