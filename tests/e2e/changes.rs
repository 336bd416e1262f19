//! Changes of which container has which port: the same HAProxy takes them over at runtime.

use stalls_lab::stalls::messages::PLAN_APPLIED;

use crate::harness::{BASE, Churn, POOL, Stage, descriptors, times, until};

/// So many descriptors may be open at the moment. Of stalls: a request for metadata, a command to HAProxy and a
/// file that is being saved. Of HAProxy: the other end of that command, and both ends of a connection that a
/// client has just ended.
const PASSING: usize = 3;

/// How often in a row a number has to be the same.
const STABLE: usize = 20;

/// At most this many things change in one version of the metadata.
const AT_ONCE: usize = 64;

#[tokio::test]
async fn random_changes_mislead_no_client_and_disturb_no_other_port() {
    let mut stage = Churn::stage().await;
    let haproxy = stage.haproxy().await;
    let mut churn = Churn::begin(&stage).await;
    let enough = times(500, 2000);
    while churn.changes < enough {
        let things = 1 + churn.random(AT_ONCE);
        churn.change_and_settle(&mut stage, things).await;
    }
    churn.end(&stage).await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.assert_no_reload();
    stage.assert_calm();
    drop(churn);
    stage.end().await;
}

#[tokio::test]
async fn once_a_plan_is_applied_each_free_port_refuses() {
    let mut stage = Stage::prepared(3).await;
    stage.start();
    assert_eq!(stage.line(PLAN_APPLIED).await["step"], "start");
    refuse(&stage, 3).await;
    for scale in [5, 2, 4] {
        stage.change(|world| world.web().scale_to(scale.into())).await;
        assert_eq!(stage.applied().await["step"], "runtime");
        refuse(&stage, scale).await;
    }
}

/// All ports but those of the first containers refuse at the first attempt.
async fn refuse(stage: &Stage, used: u16) {
    for port in BASE + used..BASE + POOL {
        stage.assert_refused(port).await;
    }
}

#[tokio::test]
async fn many_changes_leak_no_process_and_no_descriptor() {
    let mut stage = Stage::with_scale(3).await;
    let (stalls, haproxy) = (stage.stalls().pid(), stage.haproxy().await);
    let before = (stable_descriptors(stalls).await, stable_descriptors(haproxy).await);
    let (mut changes, enough) = (0, times(60, 200));
    while changes < enough {
        for scale in [13, 3] {
            stage.change(|world| world.web().scale_to(scale)).await;
            let applied = stage.applied().await;
            changes += applied["changes"].as_u64().expect("it was told of some");
        }
    }
    stage.settled().await;
    assert_eq!(stage.haproxy().await, haproxy);
    let at_most = |pid, before| descriptors(pid) <= before + PASSING;
    until("as many descriptors as before", || at_most(stalls, before.0) && at_most(haproxy, before.1)).await;
    stage.assert_no_reload();
    stage.assert_calm();
}

/// How many descriptors a process has, once that stays the same for a while.
async fn stable_descriptors(pid: u32) -> usize {
    let (mut last, mut same) = (descriptors(pid), 0);
    until("a stable number of descriptors", || {
        let now = descriptors(pid);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same >= STABLE
    })
    .await;
    last
}
