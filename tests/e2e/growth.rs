//! More containers than the pool has ports, where nobody has said how many there are to be.

use stalls_lab::load::{Expect, Load, Targets};

use crate::harness::{BASE, POOL, SOON, Stage, until};

/// The service publishes as many ports as the pool usually has.
async fn stage(scale: u16) -> Stage {
    let mut stage = Stage::prepared(scale.into()).await.without("PORT_COUNT");
    let published = (BASE..BASE + POOL).map(|port| format!("{port}:{port}/tcp")).collect();
    stage.change(|world| world.cattle("app", "stalls").ports = published).await;
    stage.started().await
}

#[tokio::test]
async fn the_pool_grows_by_one_handover_that_nobody_notices() {
    let mut stage = stage(POOL).await;
    let first = stage.haproxy().await;
    let targets = Targets::new();
    let mut held = Vec::new();
    for port in BASE..BASE + POOL {
        let connection = stage.hold(port).await;
        targets.set(stage.address(port), Expect::Container(connection.landing().uuid.clone()));
        held.push(connection);
    }
    let load = Load::start(2, &targets);
    let mark = stage.stalls().log_mark();
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    let grown = stage.line_after(mark, "plan applied").await;
    assert_eq!((grown["step"].as_str(), grown["kind"].as_str()), (Some("handover"), Some("more_ports")));
    for connection in &mut held {
        assert_eq!(connection.check().await, Ok(()));
    }
    drop(held);
    let second = stage.haproxy().await;
    assert_ne!(second, first);

    // There is room for more now, and no other handover is needed for it.
    let mark = stage.stalls().log_mark();
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 9)).await;
    assert_eq!(stage.line_after(mark, "plan applied").await["step"], "runtime");
    for index in POOL + 1..=POOL + 9 {
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    until("some load", || load.so_far().ok > 100).await;
    let report = load.stop().await;
    assert_eq!(report.failures(), 0, "{report:?}");
    assert_eq!(stage.haproxy().await, second);
    assert_eq!(stage.lines("container not mapped").len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_pool_that_has_grown_is_as_large_after_a_restart() {
    let mut stage = stage(POOL).await;
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    stage.stalls().await_log(|line| line["step"] == "handover", SOON).await;
    let haproxy = stage.haproxy().await;
    stage.kill().await;
    stage.start();
    assert_eq!(stage.line("plan applied").await["step"], "nothing");
    stage.expect_port(BASE + POOL, &stage.uuid((POOL + 1).into())).await;
    assert_eq!(stage.haproxy().await, haproxy);
}

#[tokio::test]
async fn a_pool_that_was_asked_for_does_not_grow() {
    let mut stage = Stage::with_scale(POOL.into()).await;
    stage.change(|world| world.web().scale_to(usize::from(POOL) + 1)).await;
    let unmapped = stage.line("container not mapped").await;
    assert_eq!(unmapped["uuid"].as_str(), Some(&*stage.uuid((POOL + 1).into())));
    stage.expect_refused(BASE + POOL).await;
    stage.assert_no_reload();
}
