//! Pods that are told to end, that have ended, and that are gone.

use stalls_lab::{
    client::Held,
    kubernetes::{Disturbance, Phase, Pod, World},
    stalls::messages::{LINGER, SLOT_FREED},
};

use super::{
    KubernetesStage,
    stage::{assignments, web},
};
use crate::harness::{BASE, Bystanders, Mapped, SOON};

/// Whether it goes on, as it should or not.
async fn check(mut connection: Held, goes_on: bool, on_leave: &str) {
    if goes_on {
        assert_eq!(connection.check().await, Ok(()), "ON_LEAVE={on_leave}");
    } else {
        assert!(connection.ends_within(SOON).await, "ON_LEAVE={on_leave}");
    }
}

#[tokio::test]
async fn connections_to_a_pod_that_is_being_deleted_drain_unless_they_are_to_be_cut() {
    for (on_leave, goes_on) in [("unset", true), ("cut", false), ("drain", true)] {
        let it = KubernetesStage::prepared(3).await;
        let it = if on_leave == "unset" { it } else { it.env("ON_LEAVE", on_leave) };
        let mut it = it.started().await;
        let (leaving, mut other) = (it.stage.hold(BASE + 1).await, it.stage.hold(BASE + 2).await);
        it.change(|world| web(world).delete(1)).await;
        it.stage.expect_refused(BASE + 1).await;
        assert_eq!(it.applied().await["step"], "runtime");
        check(leaving, goes_on, on_leave).await;
        assert_eq!(other.check().await, Ok(()));
        it.stage.assert_calm();
    }
}

#[tokio::test]
async fn a_pod_that_is_gone_frees_its_port_at_once_although_its_process_answers() {
    for (on_leave, goes_on) in [("cut", false), ("drain", true)] {
        let it = KubernetesStage::prepared(3).await.without("LINGER_MS").env("ON_LEAVE", on_leave);
        let mut it = it.started().await;
        let leaving = it.stage.hold(BASE + 2).await;
        it.change_lingering(|world| web(world).remove(2)).await;
        it.stage.expect_refused(BASE + 2).await;
        it.applied().await;
        check(leaving, goes_on, on_leave).await;
        assert_eq!(it.stage.lines(LINGER).len(), 0);
    }
}

#[tokio::test]
async fn a_forced_deletion_leads_to_the_new_pod_while_the_old_process_runs_on() {
    let it = KubernetesStage::prepared(3).await.without("LINGER_MS");
    let mut it = it.started().await;
    let mut bystanders = Bystanders::begin(&it).await;
    let mut world = it.server.read(World::clone);
    web(&mut world).replace(1);
    bystanders.let_become(&it, &assignments(&world));
    it.change_lingering(|current| *current = world).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    it.stage.assert_no_reload();
}

#[tokio::test]
async fn pods_that_have_ended_are_not_mapped() {
    for phase in [Phase::Succeeded, Phase::Failed] {
        let mut it = KubernetesStage::with_replicas(3).await;
        let mut bystanders = Bystanders::begin(&it).await;
        let ended = |pod: &mut Pod| (pod.phase, pod.ready) = (phase, false);
        it.change_beside(&mut bystanders, |world| web(world).edit(0, ended)).await;
        bystanders.follow(&it).await;
        assert_eq!(it.stage.lines(SLOT_FREED).len(), 1);
        bystanders.end().await;
    }
}

#[tokio::test]
async fn a_pod_of_an_unreachable_node_that_is_being_deleted_for_ever_keeps_its_connections() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let mut held = it.stage.hold(BASE).await;
    it.change(|world| web(world).delete(0)).await;
    it.stage.expect_refused(BASE).await;
    // Lists that come later say the same.
    it.watched().await;
    let asked = it.server.asked().len();
    it.server.end_watches(Disturbance::Expire).await;
    it.asked_after(asked, |asked| asked.is_list()).await;
    it.watched().await;
    it.stage.assert_refused(BASE).await;
    assert_eq!(held.check().await, Ok(()));
}
