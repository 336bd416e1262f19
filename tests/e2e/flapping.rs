//! A container in a crash loop.

use stalls_lab::stalls::messages::FLAPPING;

use crate::harness::{BASE, Stage};

/// Container 1 crashes and starts again in the metadata; stalls sees each state.
async fn crash(stage: &Stage) {
    for state in ["stopped", "starting", "running"] {
        stage.server.change(|world| world.web().set_state(1, state));
        stage.caught_up().await;
    }
}

#[tokio::test]
async fn a_crash_loop_that_does_not_end_leaves_the_port_as_it_was() {
    let stage = Stage::with_scale(3).await;
    let mut neighbour = stage.hold(BASE + 1).await;
    for _ in 0..2 {
        crash(&stage).await;
    }
    let line = stage.line(FLAPPING).await;
    assert_eq!((&line["uuid"], &line["mapped"]), (&stage.uuid(1).into(), &true.into()));
    stage.settled().await;
    let mut held = stage.hold(BASE).await;
    crash(&stage).await;
    stage.settled().await;
    assert_eq!((held.check().await, neighbour.check().await), (Ok(()), Ok(())));
}
