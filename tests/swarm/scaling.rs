//! Tasks come and go.

use crate::harness::{Reach, Stage};

#[tokio::test]
async fn ports_open_and_refuse_as_the_service_is_scaled_and_the_others_notice_nothing() {
    let stage = Stage::started(2, 1, Reach::Nodes, 3).await;
    stage.docker(&["service", "scale", "--detach", "web=6"]);
    stage.settled(1..=6).await;

    stage.docker(&["service", "scale", "--detach", "web=2"]);
    stage.running(2).await;
    // Which slots stay is up to Swarm.
    let left: Vec<_> = stage.tasks().into_keys().collect();
    stage.settled(left.clone()).await;

    let load = stage.load(left.clone());
    let mut held = Vec::new();
    for slot in left.clone() {
        held.push(stage.hold(slot).await);
    }
    stage.docker(&["service", "scale", "--detach", "web=4"]);
    stage.settled(1..=4).await;
    for held in &mut held {
        assert_eq!(held.check().await, Ok(()));
    }
    let report = load.stop().await;
    assert!(report.ok > 0 && report.failures() == 0, "{report:?}");
}
