//! Public source: haproxy/haproxy#1356, rancher/rancher#2750.
//!
//! A service on the host's network: the address of its container is the host's, and its port lies in the pool.

use stalls_lab::stalls::messages::{NOT_MAPPED, PLAN_APPLIED};

use crate::harness::{BASE, POOL, Stage};

/// Containers listen on a port of the pool, and container 1 is where HAProxy listens.
async fn stage(backend_port: u16) -> Stage {
    let mut stage = Stage::prepared(1).await.env("BACKEND_PORT", backend_port);
    let host = stage.block.listen_ip().to_string();
    stage.server.change(|world| world.web().edit(1, |container| container.primary_ip = Some(host)));
    stage.start();
    stage
}

#[tokio::test]
async fn haproxy_is_not_led_to_itself_and_leaves_the_container_its_port() {
    let stage = stage(BASE + 3).await;
    let line = stage.line(NOT_MAPPED).await;
    assert_eq!((&line["kind"], &line["level"]), (&"own_listener".into(), &"warning".into()));
    stage.line(PLAN_APPLIED).await;
    for port in BASE..BASE + POOL {
        stage.assert_refused(port).await;
    }
    let configuration = stage.haproxy_cfg().await;
    let has_port = |port: u16| configuration.contains(&format!("listen p{port}\n"));
    assert!(!has_port(BASE + 3) && has_port(BASE + 2) && has_port(BASE + 4), "{configuration}");
}

#[tokio::test]
async fn a_container_on_the_host_with_a_port_outside_of_the_pool_is_mapped() {
    let stage = stage(BASE + POOL).await;
    assert_eq!(stage.line(PLAN_APPLIED).await["mapped"], 1);
}
