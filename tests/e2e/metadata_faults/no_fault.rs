//! A server that is odd or late without being at fault: there is nothing to log.

use stalls_lab::metadata::{Fault, Scope};

use super::{before_and_after_a_change, change_all_kinds, started};
use crate::harness::{Bystanders, SOON};

/// The fault ends before any time-out: a change that was made meanwhile comes late.
async fn is_only_late(scope: Scope, fault: Fault) {
    let mut stage = started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let asked = stage.server.requests().documents;
    stage.server.fault_only(scope, fault).await;
    change_all_kinds(&mut stage).await;
    if scope == Scope::Documents {
        stage.server.await_requests(|now| now.documents > asked, SOON).await;
    }
    bystanders.notice_nothing().await;
    assert_eq!(stage.steps(), ["start"]);
    bystanders.let_follow(&stage);
    stage.server.clear_fault().await;
    bystanders.follow(&stage).await;
    stage.containers_follow().await;
    bystanders.end().await;
    stage.assert_calm();
}

#[tokio::test]
async fn an_answer_for_the_version_that_drips() {
    is_only_late(Scope::Version, Fault::Drip).await;
}

#[tokio::test]
async fn an_answer_for_the_service_that_drips() {
    is_only_late(Scope::Documents, Fault::Drip).await;
}

#[tokio::test]
async fn an_answer_for_the_version_that_stalls_for_a_moment() {
    is_only_late(Scope::Version, Fault::Stall).await;
}

#[tokio::test]
async fn an_answer_for_the_service_that_stalls_for_a_moment() {
    is_only_late(Scope::Documents, Fault::Stall).await;
}

/// Changes come as ever although the server behaves like this.
async fn is_not_logged(fault: Fault) {
    let mut stage = started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    stage.server.fault(fault).await;
    for index in 1..=4 {
        stage.server.change(|world| drop(world.web().replace(index)));
        bystanders.let_follow(&stage);
        stage.containers_follow().await;
        bystanders.follow(&stage).await;
    }
    bystanders.end().await;
    stage.assert_no_reload();
    stage.assert_calm();
}

#[tokio::test]
async fn connections_that_are_closed_after_each_answer() {
    is_not_logged(Fault::CloseAfterAnswer).await;
}

#[tokio::test]
async fn connections_that_are_closed_when_they_are_used_again() {
    is_not_logged(Fault::CloseOnReuse).await;
}

#[tokio::test]
async fn a_server_that_jumps_back_and_forth_is_followed() {
    let mut stage = started().await;
    let (older, newer) = before_and_after_a_change(&mut stage).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    for saved in [&older, &newer, &older] {
        stage.server.restore(saved);
        bystanders.let_follow(&stage);
        bystanders.follow(&stage).await;
    }
    bystanders.end().await;
    stage.assert_no_reload();
    stage.assert_calm();
}
