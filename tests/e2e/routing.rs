//! Which port leads where.

use stalls_lab::{
    backend::{Backends, Identity},
    client::{Held, await_landing, landing},
    stalls::messages::{FAULT_BEGINS, PLAN_APPLIED},
};
use tokio::time::timeout;

use crate::harness::{BACKEND_PORT, BASE, POOL, SOON, Stage, free_run};

#[tokio::test]
async fn each_container_has_its_own_port_and_the_others_refuse() {
    let stage = Stage::with_scale(3).await;
    for index in 1..=3 {
        let mut held = stage.hold(BASE + index - 1).await;
        assert_eq!(held.landing().uuid, stage.uuid(index.into()));
        assert_eq!(held.check().await, Ok(()));
    }
    stage.expect_refused(BASE - 1).await;
    stage.expect_refused(BASE + POOL).await;
    let applied = stage.line(PLAN_APPLIED).await;
    assert_eq!((applied["mapped"].as_u64(), applied["free"].as_u64()), (Some(3), Some(13)));
}

/// Before HAProxy 2.9 that is what a connection finds, once in millions, at the moment in which a new address is set. It
/// would then lead to the host itself.
#[tokio::test]
async fn a_server_without_an_address_leads_to_no_program_of_the_host() {
    let stage = Stage::with_scale(3).await;
    let mut hosts_own = Backends::new();
    let identity = Identity { uuid: "the host".into(), name: "a program of the host".into() };
    hosts_own.start(stage.block.listen_ip(), BACKEND_PORT, identity).await;
    stage.cli(&format!("set server p{BASE}/c addr 0.0.0.0 port {BACKEND_PORT}")).await;
    let first = stage.uuid(1);
    let elsewhere = async {
        loop {
            match landing(stage.address(BASE)).await {
                Ok(landing) if landing.uuid == first => {}
                otherwise => return otherwise,
            }
        }
    };
    let met = timeout(SOON, elsewhere).await.expect("the address takes effect");
    met.expect_err("there is nothing behind the port");
    landing(stage.address(BASE + 1)).await.expect("the other ports serve");
}

#[tokio::test]
async fn without_a_bind_address_every_ipv4_address_listens() {
    let base = free_run(POOL);
    let stage = Stage::prepared(3).await.without("BIND_ADDRESS").on_base(base).started().await;
    let localhost = ([127, 0, 0, 1], base + 2).into();
    await_landing(localhost, &stage.uuid(3), SOON).await.unwrap();
}

#[tokio::test]
async fn the_address_of_both_families_listens_on_both() {
    let base = free_run(POOL);
    let stage = Stage::prepared(3).await.env("BIND_ADDRESS", "::").on_base(base).started().await;
    let localhost = ([0, 0, 0, 0, 0, 0, 0, 1], base + 2).into();
    let held = Held::connect(localhost).await.expect("IPv6 is served too");
    assert_eq!(held.landing().uuid, stage.uuid(3));
}

#[tokio::test]
async fn each_version_of_the_metadata_will_do() {
    for version in ["2015-12-19", "2016-07-29", "latest"] {
        let stage = Stage::prepared(2).await;
        let url = stage.server.url(version);
        let mut stage = stage.env("METADATA_URL", url).started().await;
        stage.change(|world| world.web().replace(2)).await;
        stage.settled().await;
    }
}

#[tokio::test]
async fn with_host_networking_the_stack_has_to_be_named() {
    let mut stage = Stage::prepared(2).await;
    stage.change(|world| world.put_stalls_on_the_host_network()).await;
    stage.start();
    let fault = stage.line(FAULT_BEGINS).await;
    assert_eq!(fault["kind"], "not_found");
    assert!(fault["error"].as_str().unwrap().contains("STACK_NAME"), "{fault}");
    stage.end().await;

    stage.env("STACK_NAME", "app").started().await;
}

#[tokio::test]
async fn without_a_port_count_the_pool_is_what_the_own_service_publishes() {
    let mut stage = Stage::prepared(3).await.without("PORT_COUNT");
    let published = (BASE..BASE + 10).chain([BASE + 20]).map(|port| format!("{port}:{port}/tcp"));
    stage.change(|world| world.cattle("app", "stalls").ports = published.collect()).await;
    stage.start();
    let applied = stage.line(PLAN_APPLIED).await;
    assert_eq!((applied["mapped"].as_u64(), applied["free"].as_u64()), (Some(3), Some(7)));
    stage.settled().await;
}

#[tokio::test]
async fn without_a_port_count_and_published_ports_the_pool_has_64() {
    let stage = Stage::prepared(3).await.without("PORT_COUNT").started().await;
    let applied = stage.line(PLAN_APPLIED).await;
    assert_eq!((applied["mapped"].as_u64(), applied["free"].as_u64()), (Some(3), Some(61)));
}
