//! An API server that is away.

use stalls_lab::{
    kubernetes::Fault,
    stalls::messages::{FAULT_BEGINS, FAULT_ENDS, SERVING_SAVED},
};

use super::{KubernetesStage, stage::web};
use crate::harness::{Bystanders, Mapped};

#[tokio::test]
async fn without_the_api_server_the_saved_mapping_serves_after_a_restart() {
    let mut it = KubernetesStage::with_replicas(3).await;
    it.stage.end().await;
    it.server.stop().await;
    it.stage.start();
    it.stage.line(SERVING_SAVED).await;
    it.settled().await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.server.restart().await;
    it.stage.line(FAULT_ENDS).await;
    bystanders.notice_nothing().await;
    it.change_beside(&mut bystanders, |world| web(world).scale_to(5)).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
}

#[tokio::test]
async fn an_api_server_that_is_away_for_a_while_is_followed_when_it_is_there_again() {
    let mut it = KubernetesStage::with_replicas(3).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.server.stop().await;
    assert_eq!(it.stage.line(FAULT_BEGINS).await["kind"], "unreachable");
    it.change_lingering(|world| web(world).scale_to(5)).await;
    bystanders.notice_nothing().await;
    bystanders.let_follow(&it);
    it.server.restart().await;
    it.stage.line(FAULT_ENDS).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    it.stage.assert_no_reload();
}

#[tokio::test]
async fn a_first_list_that_comes_late_is_served_when_it_has_come() {
    let mut it = KubernetesStage::prepared(3).await;
    it.server.fault(Fault::Hang);
    it.stage.start();
    it.asked_after(0, |asked| asked.is_list()).await;
    for port in it.stage.ports() {
        it.stage.expect_refused(port).await;
    }
    it.server.clear_fault();
    it.settled().await;
}
