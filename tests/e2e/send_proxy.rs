//! Containers that expect the PROXY protocol.

use std::net::{Ipv6Addr, SocketAddr};

use stalls_lab::{
    metadata::{Fault, Scope},
    proxied::Told,
    stalls::messages::{LINGER, LISTED_AGAIN},
};
use tokio::net::TcpStream;

use crate::harness::{BACKEND_PORT, BASE, Bystanders, POOL, Stage, free_run, until};

const VERSIONS: [u8; 2] = [1, 2];

/// Everything runs but stalls, and the containers understand this version alone.
async fn prepared(scale: usize, version: u8) -> Stage {
    let mut stage = Stage::prepared(scale).await.env("SEND_PROXY", format!("v{version}"));
    stage.fleet().expect_proxy(version);
    stage
}

/// A container is told of this connection whence it comes and where it has been made to.
async fn assert_told(stage: &mut Stage, address: SocketAddr) {
    let connection = TcpStream::connect(address).await.expect("the port is open");
    let source = connection.local_addr().expect("it is connected");
    let is_it = |told: &Told| matches!(told, Told::Client { source: said, .. } if canonical(*said) == source);
    until("a container is told of the connection", || stage.fleet().told().iter().any(is_it)).await;
    let told = stage.fleet().told().into_iter().find(is_it);
    let Some(Told::Client { destination, .. }) = told else { panic!("{told:?}") };
    assert_eq!(canonical(destination), address);
}

/// With one socket for both families the kernel calls an IPv4 address ::ffff:a.b.c.d.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// No connection has begun with anything else than a header.
fn assert_understood(stage: &mut Stage) {
    let other = stage.fleet().told().into_iter().find(|told| matches!(told, Told::Other(_)));
    assert_eq!(other, None);
}

fn is_told_of_a_check(stage: &mut Stage) -> bool {
    stage.fleet().told().contains(&Told::Own)
}

#[tokio::test]
async fn a_container_is_told_the_addresses_of_the_client_also_after_a_change() {
    for version in VERSIONS {
        let mut stage = prepared(3, version).await.started().await;
        let first = stage.address(BASE);
        assert_told(&mut stage, first).await;
        stage.change(|world| world.web().replace(1)).await;
        stage.settled().await;
        assert_told(&mut stage, first).await;
        stage.assert_no_reload();
        assert_understood(&mut stage);
    }
}

/// Else a connection could find no address while a new one is set, and lead to the host itself.
#[tokio::test]
async fn before_2_9_no_thread_sees_what_another_one_sets() {
    let stage = prepared(1, 2).await.started().await;
    let info = stage.cli("show info").await;
    let value = |name| info.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    let is_older = ["2.6.", "2.7.", "2.8."].iter().any(|series| value("Version: ").starts_with(series));
    assert!(!is_older || value("Nbthread: ") == "1", "{info}");
}

#[tokio::test]
async fn it_is_after_a_reload_too() {
    let mut stage = prepared(2, 2).await.with_reloads().started().await;
    let mark = stage.stalls().log_mark();
    stage.change(|world| world.web().scale_to(3)).await;
    stage.reload_after(mark).await;
    stage.settled().await;
    let third = stage.address(BASE + 2);
    assert_told(&mut stage, third).await;
    assert_understood(&mut stage);
}

#[tokio::test]
async fn clients_of_both_families_are_told_of() {
    for version in VERSIONS {
        let base = free_run(POOL);
        let stage = prepared(2, version).await.env("BIND_ADDRESS", "::");
        let mut stage = stage.on_base(base).started().await;
        let v4 = stage.address(base);
        assert_told(&mut stage, v4).await;
        assert_told(&mut stage, (Ipv6Addr::LOCALHOST, base + 1).into()).await;
        assert_understood(&mut stage);
    }
}

#[tokio::test]
async fn a_container_that_upgrades_is_ready_once_it_accepts_a_connection_that_is_for_nobody() {
    for version in VERSIONS {
        let mut stage = prepared(2, version).await.started().await;
        assert!(!is_told_of_a_check(&mut stage));
        let newer = stage.change(|world| world.web().begin_upgrade(1)).await;
        stage.expect_port(BASE, &newer).await;
        assert!(is_told_of_a_check(&mut stage));
        assert_understood(&mut stage);
    }
}

#[tokio::test]
async fn a_container_that_lingers_is_asked_by_a_connection_that_is_for_nobody() {
    for version in VERSIONS {
        let mut stage = prepared(3, version).await.without("LINGER_MS").started().await;
        let mut bystanders = Bystanders::begin(&stage).await;
        let empty = Fault::Body(r#"{"name": "web", "containers": null}"#.into());
        stage.server.fault_only(Scope::Documents, empty).await;
        stage.server.change_foreign();
        assert_eq!(stage.line(LINGER).await["containers"], 3);
        until("a container is asked", || is_told_of_a_check(&mut stage)).await;
        bystanders.notice_nothing().await;
        stage.server.clear_fault().await;
        stage.server.change_foreign();
        assert_eq!(stage.line(LISTED_AGAIN).await["containers"], 3);
        bystanders.end().await;
        assert_understood(&mut stage);
    }
}

/// HAProxy says LOCAL in version 2; in version 1 it says that the connection is its own.
#[tokio::test]
async fn the_health_checks_of_haproxy_begin_with_a_header_too() {
    let is_check = |told: &Told| match told {
        Told::Client { destination, .. } => destination.port() == BACKEND_PORT,
        told => *told == Told::Own,
    };
    for version in VERSIONS {
        let stage = prepared(2, version).await.env("HEALTH_CHECK", true);
        let mut stage = stage.env("HEALTH_CHECK_INTERVAL_MS", 100).started().await;
        until("a container is checked", || stage.fleet().told().iter().any(is_check)).await;
        let first = stage.address(BASE);
        assert_told(&mut stage, first).await;
        assert_understood(&mut stage);
    }
}
