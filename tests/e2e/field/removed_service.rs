//! Public source: rancher/rancher#7060, #13120: the metadata service does not know a service, for a moment or for good.

use std::{net::Ipv4Addr, time::Duration};

use stalls_lab::{
    backend::{Backends, Identity},
    stalls::messages::{FAULT_BEGINS, SERVICE_FOUND, SERVICE_GONE, VERSION_FOLLOWED},
};

use crate::harness::{BACKEND_PORT, BASE, Stage};

/// A minute, and what a busy machine adds.
const A_MINUTE_AND_MORE: Duration = Duration::from_secs(100);

/// The processes of the containers that the world has.
async fn processes(stage: &Stage) -> Backends {
    let mut backends = Backends::new();
    let containers = stage.server.read(|world| world.service("app", "web").containers.clone());
    for container in containers {
        let address: Ipv4Addr = container.address();
        backends.start(address, BACKEND_PORT, Identity { uuid: container.uuid, name: container.name }).await;
    }
    backends
}

/// A stage with two containers, whose processes this test ends.
async fn stage() -> (Stage, Backends) {
    let stage = Stage::prepared(0).await.started().await;
    stage.server.change(|world| world.web().scale_to(2));
    let backends = processes(&stage).await;
    stage.applied().await;
    (stage, backends)
}

fn remove_the_service(stage: &Stage) {
    stage.server.change(|world| world.stacks[0].services.retain(|service| service.name != "web"));
}

#[tokio::test]
async fn a_service_that_is_not_found_for_a_moment_keeps_its_ports_and_stalls_waits_for_changes() {
    let (stage, _backends) = stage().await;
    let saved = stage.server.saved();
    let mut held = stage.hold(BASE).await;
    remove_the_service(&stage);
    let fault = stage.line(FAULT_BEGINS).await;
    assert_eq!(
        (&fault["kind"], &fault["subject"]),
        (&"not_found".into(), &"/self/stack/services/web".into())
    );
    // In a long poll it follows what else happens.
    stage.caught_up().await;
    let mark = stage.stalls().log_mark();
    stage.server.change_foreign();
    stage.line_after(mark, VERSION_FOLLOWED).await;
    stage.server.restore(&saved);
    stage.applied().await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.lines(SERVICE_GONE).len(), 0);
}

#[tokio::test]
#[ignore = "it takes more than a minute, make check has it"]
async fn a_service_that_is_removed_frees_its_ports_after_a_minute_and_gets_them_back() {
    let (mut stage, backends) = stage().await;
    let mut held = stage.hold(BASE).await;
    remove_the_service(&stage);
    stage.line(FAULT_BEGINS).await;
    assert_eq!(held.check().await, Ok(()));
    stage.stalls().await_log(|line| line["msg"] == SERVICE_GONE, A_MINUTE_AND_MORE).await;
    drop(backends);
    stage.expect_refused(BASE).await;
    stage.expect_refused(BASE + 1).await;

    stage.server.change(|world| world.add_service("app", "web").scale_to(1));
    let _backends = processes(&stage).await;
    stage.line(SERVICE_FOUND).await;
    stage.applied().await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.end().await;
}
