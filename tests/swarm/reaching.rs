//! The two ways to get to a task, and what is asked.

use stalls_lab::stalls::messages::FAULT_BEGINS;

use crate::harness::{Reach, SOON, Stage};

#[tokio::test]
async fn a_port_leads_to_the_node_of_its_task_where_the_nodes_publish_it() {
    let stage = Stage::started(3, 1, Reach::Nodes, 4).await;
    for (slot, task) in stage.tasks() {
        stage.leads_to(slot, &task).await;
    }
}

#[tokio::test]
async fn a_port_leads_to_its_task_in_the_overlay_network_that_stalls_is_in() {
    let stage = Stage::started(2, 1, Reach::Overlay, 3).await;
    for (slot, task) in stage.tasks() {
        stage.leads_to(slot, &task).await;
    }
}

#[tokio::test]
async fn a_swarm_may_have_one_node() {
    let stage = Stage::started(1, 1, Reach::Nodes, 3).await;
    for (slot, task) in stage.tasks() {
        stage.leads_to(slot, &task).await;
    }
}

#[tokio::test]
async fn a_worker_is_no_manager_and_what_would_do_is_said() {
    let mut stage = Stage::prepared(2, 1, Reach::Nodes, 1).await;
    stage.start_stalls(0, 1);
    let is_fault = |line: &serde_json::Value| line["msg"] == FAULT_BEGINS;
    let fault = stage.stalls().await_log(is_fault, SOON).await;
    assert_eq!(fault["kind"], "not_a_manager", "{fault}");
}
