//! Public source: hashicorp/nomad#3456, kubernetes/kubernetes#111682: outgoing connections hold ports of the pool, which lies
//! in the ephemeral range, and let go of them one by one.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    time::Duration,
};

use stalls_lab::stalls::messages::{
    FAILED_TO_START, HOST_FINDING, PLAN_APPLIED, PORT_BINDABLE_AGAIN, PORT_UNBINDABLE, SERVES,
    UNUSED_UNBINDABLE,
};
use tokio::time::sleep;

use crate::harness::{BASE, POOL, Stage};

const HELD: u16 = 12;

/// Outgoing connections from ports of the pool that no container has.
fn outgoing(stage: &Stage) -> Vec<TcpStream> {
    let server = TcpListener::bind(stage.address(9000)).unwrap();
    let from = |port| {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&stage.address(port).into()).unwrap();
        socket.connect(&server.local_addr().unwrap().into()).unwrap();
        TcpStream::from(socket)
    };
    (BASE + 4..BASE + 4 + HELD).map(from).collect()
}

#[tokio::test]
async fn ports_that_nobody_needs_are_one_line_and_start_no_process_when_they_come_back() {
    let mut stage = Stage::prepared(3).await;
    let mut held = outgoing(&stage);
    stage.start();
    let line = stage.line(UNUSED_UNBINDABLE).await;
    assert_eq!(
        (&line["level"], &line["ports"], &line["port"]),
        (&"info".into(), &HELD.into(), &(BASE + 4).into())
    );
    for index in 1..=3 {
        stage.expect_port(BASE + u16::try_from(index).unwrap() - 1, &stage.uuid(index)).await;
    }
    let haproxy = stage.haproxy().await;
    stage.expect_lines(FAILED_TO_START, 0).await;
    while !held.is_empty() {
        held.truncate(held.len() - 4);
        // That nothing happens can only be seen over time: ports were tried each second.
        sleep(Duration::from_millis(1_200)).await;
    }
    stage.change(|world| drop(world.web().replace(1))).await;
    stage.applied().await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.expect_lines(SERVES, 1).await;
    stage.expect_lines(PORT_UNBINDABLE, 0).await;

    // A container that comes to need one of them has it, and the others come back with it.
    stage.change(|world| world.web().scale_to(5)).await;
    stage.settled().await;
    stage.change(|world| world.web().scale_to(16)).await;
    stage.settled().await;
    stage.expect_lines(SERVES, 2).await;
    let back = stage.line(PORT_BINDABLE_AGAIN).await;
    assert_eq!(back["ports"], HELD);
    stage.end().await;
}

#[tokio::test]
async fn a_pool_in_the_ephemeral_range_is_warned_of_with_what_would_do() {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    let mut stage = Stage::prepared(1).await.on_base(first - 4);
    stage.start();
    stage.line(PLAN_APPLIED).await;
    let said = |stage: &Stage| -> Vec<_> {
        let lines = stage.lines(HOST_FINDING).into_iter();
        lines.filter(|line| line["kind"] == "ephemeral_range").collect()
    };
    let lines = said(&stage);
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let overlap = format!("{first}-{}", first + POOL - 5);
    assert_eq!((&line["level"], &line["subject"]), (&"warning".into(), &format!("ports {overlap}").into()));
    let remedy = line["remedy"].as_str().unwrap();
    let reserves = "sysctl -w net.ipv4.ip_local_reserved_ports=";
    assert!(remedy.contains(reserves) && remedy.contains(&overlap), "{line}");
    assert!(line["reason"].as_str().unwrap().contains("net.ipv4.ip_local_port_range"), "{line}");

    let below = Stage::with_scale(1).await;
    assert!(said(&below).is_empty());
}
