//! Answers that would free most ports, and are valid all the same.

use stalls_lab::{
    metadata::{Fault, Scope},
    stalls::messages::{HELD_PORTS_RELEASED, MASS_REMOVAL_HELD, MASS_REMOVAL_OVER},
};

use crate::harness::{BASE, Stage};

/// A service's document as it is at scale 0.
fn empty() -> Fault {
    Fault::Body(r#"{"name": "web", "containers": null}"#.into())
}

#[tokio::test]
async fn an_empty_answer_that_does_not_last_disturbs_no_connection() {
    let stage = Stage::prepared(5).await.env("MASS_REMOVAL_HOLD_MS", 3_600_000).started().await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE + 2).await);
    let applied = stage.steps().len();
    stage.server.fault_only(Scope::Documents, empty()).await;
    stage.server.change_foreign();
    let line = stage.line(MASS_REMOVAL_HELD).await;
    assert_eq!(
        (&line["ports"], &line["mapped"], &line["held_ms"]),
        (&5.into(), &5.into(), &3_600_000.into())
    );
    stage.settled().await;
    stage.server.clear_fault().await;
    stage.server.change_foreign();
    stage.line(MASS_REMOVAL_OVER).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.haproxy().await, haproxy);
    assert!(stage.steps()[applied..].iter().all(|step| step == "nothing"), "{:?}", stage.steps());
}

#[tokio::test]
async fn a_scale_to_0_happens_after_the_hold() {
    let mut stage = Stage::prepared(3).await.env("MASS_REMOVAL_HOLD_MS", 500).started().await;
    stage.change(|world| world.web().scale_to(0)).await;
    stage.line(MASS_REMOVAL_HELD).await;
    stage.line(HELD_PORTS_RELEASED).await;
    stage.settled().await;
    stage.change(|world| world.web().scale_to(2)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_new_container_is_reached_while_the_old_ones_are_held() {
    let mut stage = Stage::prepared(4).await.env("MASS_REMOVAL_HOLD_MS", 3_600_000).started().await;
    stage.change(|world| world.web().scale_to(0)).await;
    stage.line(MASS_REMOVAL_HELD).await;
    stage.change(|world| world.web().scale_to(1)).await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
}
