//! Tasks, nodes and managers fail.

use stalls_lab::stalls::messages::{FAULT_BEGINS, FAULT_ENDS};

use crate::harness::{Reach, SOON, Stage};

#[tokio::test]
async fn a_task_that_is_killed_has_its_port_again_and_the_others_notice_nothing() {
    let stage = Stage::started(1, 1, Reach::Nodes, 3).await;
    let before = stage.tasks();
    let load = stage.load([1, 3]);
    let (mut first, mut third) = (stage.hold(1).await, stage.hold(3).await);
    let filter = format!("name=web.2.{}", before[&2]);
    let container = stage.docker(&["ps", "--quiet", "--filter", &filter]);
    stage.docker(&["kill", &container]);
    stage.replaced(&[(2, before[&2].clone())].into()).await;
    stage.leads_to(2, &stage.tasks()[&2]).await;
    for held in [&mut first, &mut third] {
        assert_eq!(held.check().await, Ok(()));
    }
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
}

#[tokio::test]
async fn the_tasks_of_a_drained_node_take_their_ports_along() {
    let stage = Stage::started(2, 1, Reach::Nodes, 4).await;
    let node = stage.engines[1].name();
    let moving = stage.tasks_on(&node);
    assert!(!moving.is_empty(), "Swarm has put no task on {node}");
    let staying: Vec<_> = stage.tasks().into_keys().filter(|slot| !moving.contains_key(slot)).collect();
    let load = stage.load(staying.clone());
    stage.docker(&["node", "update", "--availability", "drain", &node]);
    stage.replaced(&moving).await;
    for (slot, task) in stage.tasks() {
        stage.leads_to(slot, &task).await;
    }
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
}

#[tokio::test]
async fn a_lost_leader_is_replaced_and_its_tasks_come_back_elsewhere() {
    let mut stage = Stage::prepared(3, 3, Reach::Nodes, 4).await;
    // The one that began the swarm.
    let lost = stage.engines[0].name();
    stage.start_stalls(1, 1);
    stage.settled(1..=4).await;
    let moving = stage.tasks_on(&lost);
    let staying: Vec<_> = stage.tasks().into_keys().filter(|slot| !moving.contains_key(slot)).collect();
    let load = stage.load(staying.clone());
    stage.engines[0].kill();
    stage.replaced(&moving).await;
    for (slot, task) in stage.tasks() {
        stage.leads_to(slot, &task).await;
    }
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
}

#[tokio::test]
async fn a_swarm_without_a_leader_keeps_its_ports() {
    let mut stage = Stage::started(2, 2, Reach::Nodes, 3).await;
    let load = stage.load(1..=3);
    stage.engines[1].kill();
    let is_fault = |line: &serde_json::Value| line["msg"] == FAULT_BEGINS;
    stage.stalls().await_log(is_fault, SOON).await;
    stage.settled(1..=3).await;
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
    assert!(!stage.stalls().log_lines().iter().any(|line| line["msg"] == FAULT_ENDS));
}
