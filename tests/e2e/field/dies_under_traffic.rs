//! Public source: haproxy/haproxy#2918. A container dies while clients connect to it, and its port is told to cut the
//! connections: HAProxy 3.0 never closes those that are just being connected, and their clients wait for ever.

use std::{
    any::Any,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::future::{LocalBoxFuture, join_all};
use serde_json::Value;
use stalls_lab::stalls::messages::{HAPROXY_SAYS, KNOWN_FAULT, PLAN_APPLIED};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::harness::{BACKEND_PORT, BASE, SOON, Stage, real_haproxy, until};

/// What HAProxy takes to give up on a container: two attempts of 3 s, and a second between them; with a generous margin.
const GIVEN_UP: Duration = Duration::from_secs(15);
/// How long a session may be left after its container has gone.
const ENDED: Duration = Duration::from_secs(10);
/// The one that dies, and its port.
const DYING: u32 = 2;
const PORT: u16 = BASE + 1;
/// So many clients of each sort connect to a port whose container has died.
const CLIENTS: usize = 3;

/// An address of this machine that has not answered by then does not.
const SILENT: Duration = Duration::from_millis(200);

/// How containers die. What must be kept as long as they are dead is kept in the result.
type Death = for<'a> fn(&'a mut Stage, &'a [Ipv4Addr]) -> LocalBoxFuture<'a, Box<dyn Any>>;

/// Their processes end: their ports refuse.
fn killed<'a>(stage: &'a mut Stage, addresses: &'a [Ipv4Addr]) -> LocalBoxFuture<'a, Box<dyn Any>> {
    Box::pin(async move {
        for address in addresses {
            stage.fleet().kill(*address).await;
        }
        Box::new(()) as _
    })
}

/// Their processes are stopped: their connections stay, and new ones find no room in their queues.
fn frozen<'a>(stage: &'a mut Stage, addresses: &'a [Ipv4Addr]) -> LocalBoxFuture<'a, Box<dyn Any>> {
    let fleet = stage.fleet();
    let frozen = join_all(addresses.iter().map(|address| fleet.freeze(*address)));
    Box::pin(async move { Box::new(frozen.await) as _ })
}

/// Their addresses are gone: nothing answers there.
fn off_the_network<'a>(_: &'a mut Stage, addresses: &'a [Ipv4Addr]) -> LocalBoxFuture<'a, Box<dyn Any>> {
    Box::pin(async move {
        let silent: Vec<_> = addresses.iter().map(|address| Silence::at(*address)).collect();
        for address in addresses {
            // It is there a moment after nft(8) was told. Until then the address answers.
            let answers = || timeout(SILENT, TcpStream::connect((*address, BACKEND_PORT)));
            while answers().await.is_ok() {}
        }
        Box::new(silent) as _
    })
}

/// Packets to and from an address get lost. The table belongs to a process that ends with this one, and ends with it.
struct Silence(Child);

impl Silence {
    fn at(address: Ipv4Addr) -> Self {
        let mut nft = Command::new("nft");
        nft.arg("-i").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut nft = nft.spawn().expect("nft(8) is there");
        let table = format!("inet stalls_{}", u32::from(address));
        let rules = format!(
            "add table {table} {{ flags owner; }}\n\
             add chain {table} in {{ type filter hook input priority 0; }}\n\
             add rule {table} in ip daddr {address} drop\n\
             add rule {table} in ip saddr {address} drop\n"
        );
        nft.stdin.as_mut().expect("it is piped").write_all(rules.as_bytes()).expect("nft reads it");
        Self(nft)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A client that connects to a port whose container is dead.
#[derive(Clone, Copy)]
struct Client {
    sends: bool,
    shuts: bool,
}

impl Client {
    /// Waits for the end of its connection, or for a container that tells its name.
    async fn connect(self, address: SocketAddr) {
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        if self.sends {
            let _ = stream.write_all(b"hello").await;
        }
        if self.shuts {
            let _ = stream.shutdown().await;
        }
        let _ = stream.read(&mut [0; 64]).await;
    }

    fn of_each_sort() -> impl Iterator<Item = Self> {
        let sorts = [(false, false), (true, false), (false, true), (true, true)];
        sorts.into_iter().cycle().take(4 * CLIENTS).map(|(sends, shuts)| Self { sends, shuts })
    }
}

/// Clients that connect to some ports.
struct Clients(JoinSet<()>);

impl Clients {
    fn connect(stage: &Stage, ports: impl IntoIterator<Item = u16>) -> Self {
        let addresses = ports.into_iter().map(|port| stage.address(port));
        let each =
            addresses.flat_map(|address| Client::of_each_sort().map(move |client| client.connect(address)));
        Self(each.collect())
    }

    async fn end_in_time(self, what: &str) {
        assert!(timeout(GIVEN_UP, self.0.join_all()).await.is_ok(), "{what}: a client hangs");
    }
}

/// How a session is doing, as HAProxy shows it: before 8 it is not connected (`enum sc_state` of its source).
async fn states(stage: &Stage, port: u16) -> Vec<u8> {
    let sessions = stage.cli("show sess").await;
    let of_port = sessions.lines().filter(|line| line.contains(&format!(" be=p{port} ")));
    let state = |line: &str| line.split_once(" scb=[")?.1.split_once(',')?.0.parse().ok();
    of_port.map(|line| state(line).unwrap_or_else(|| panic!("no state: {line}"))).collect()
}

/// Waits until the connections of the start have ended, on both sides: of a client that has gone before its container
/// froze, no version of HAProxy ends the session.
async fn all_quiet(stage: &Stage) {
    while stage.cli("show sess").await.contains(" be=p") {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until some are on the way to the dead container.
async fn some_connect(stage: &Stage, port: u16) {
    let begun = Instant::now();
    while !states(stage, port).await.iter().any(|state| *state < 8) {
        assert!(begun.elapsed() < SOON, "nobody waits for the container of port {port}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn none_is_left(stage: &Stage, port: u16, since: Instant, what: &str) {
    loop {
        let left = states(stage, port).await;
        if left.is_empty() {
            return;
        }
        assert!(since.elapsed() < ENDED, "{what}: sessions are left in these states: {left:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// One of three containers dies, and is missing in the metadata a moment later, or replaced.
async fn one_dies(death: Death, on_leave: Option<&str>, is_replaced: bool) {
    let what = &format!("ON_LEAVE={on_leave:?}, replaced: {is_replaced}");
    let stage = Stage::prepared(3).await;
    let stage = if let Some(on_leave) = on_leave { stage.env("ON_LEAVE", on_leave) } else { stage };
    let mut stage = stage.started().await;
    all_quiet(&stage).await;
    let mut other = stage.hold(BASE).await;
    let is_cut = on_leave != Some("drain");
    // What drains may stay as long as its client.
    let mut held = if is_cut { Some(stage.hold(PORT).await) } else { None };
    let address = stage.server.read(|world| world.service("app", "web").container(DYING).address());
    let dead = death(&mut stage, &[address]).await;
    let clients = Clients::connect(&stage, [PORT]);
    some_connect(&stage, PORT).await;
    if is_replaced {
        let new = stage.change_lingering(|world| world.web().replace(DYING)).await;
        stage.expect_port(PORT, &new).await;
    } else {
        stage.change_lingering(|world| world.web().remove(DYING)).await;
        stage.expect_refused(PORT).await;
    }
    let gone = Instant::now();
    if let Some(held) = &mut held {
        assert!(held.ends_within(GIVEN_UP).await, "{what}: an open connection hangs");
    }
    clients.end_in_time(what).await;
    none_is_left(&stage, PORT, gone, what).await;
    assert_eq!(other.check().await, Ok(()), "{what}");
    stage.assert_no_reload();
    drop(dead);
}

/// In each way in which its connections may leave.
async fn in_each_way(death: Death) {
    let ways = [None, Some("cut"), Some("drain")];
    join_all(ways.iter().flat_map(|way| [false, true].map(|is_replaced| one_dies(death, *way, is_replaced))))
        .await;
}

/// The version of the HAProxy that the tests run against.
fn version() -> String {
    let output = Command::new(real_haproxy()).arg("-v").output().expect("HAProxy can be run");
    let text = String::from_utf8(output.stdout).expect("it is ASCII");
    let version = text.split_whitespace().nth(2).expect("HAProxy version 3.0.11...");
    version.split('-').next().expect("there is a first part").to_owned()
}

/// All containers of a hundred ports die at once, and are replaced.
async fn a_hundred_die(death: Death) {
    const MANY: u16 = 100;
    let mut stage = Stage::prepared(MANY.into()).await.with_pool(MANY + 1).started().await;
    let addresses: Vec<_> = stage.server.read(|world| {
        world.service("app", "web").containers.iter().map(|container| container.address()).collect()
    });
    all_quiet(&stage).await;
    let dead = death(&mut stage, &addresses).await;
    let ports = BASE..BASE + MANY;
    let clients = Clients::connect(&stage, ports.clone());
    some_connect(&stage, BASE + MANY - 1).await;
    stage
        .change_lingering(|world| (1..=MANY).for_each(|index| drop(world.web().replace(u32::from(index)))))
        .await;
    stage.settled().await;
    let gone = Instant::now();
    clients.end_in_time("a hundred").await;
    for port in ports {
        none_is_left(&stage, port, gone, "a hundred").await;
    }
    stage.assert_no_reload();
    drop(dead);
}

#[tokio::test]
async fn a_container_that_is_killed_leaves_no_client_hanging() {
    in_each_way(killed).await;
}

#[tokio::test]
async fn a_container_that_is_frozen_leaves_no_client_hanging() {
    in_each_way(frozen).await;
}

#[tokio::test]
async fn a_container_that_is_off_the_network_leaves_no_client_hanging() {
    in_each_way(off_the_network).await;
}

#[tokio::test]
async fn a_hundred_containers_that_are_killed_leave_no_client_hanging() {
    a_hundred_die(killed).await;
}

#[tokio::test]
async fn a_hundred_containers_that_are_frozen_leave_no_client_hanging() {
    a_hundred_die(frozen).await;
}

#[tokio::test]
async fn a_port_is_closed_for_a_cut_only_where_haproxy_has_the_fault_and_that_is_said_at_the_start() {
    let version = version();
    let has_fault = ["3.0.", "3.1."].iter().any(|series| version.starts_with(series));
    let mut stage = Stage::with_scale(3).await;
    let mut held = stage.hold(PORT).await;
    let new = stage.change_lingering(|world| world.web().replace(DYING)).await;
    stage.expect_port(PORT, &new).await;
    assert!(held.ends_within(SOON).await);
    stage.expect_lines(PLAN_APPLIED, 2).await;
    let closed =
        |line: &Value| line["line"].as_str().is_some_and(|said| said.contains(&format!("proxy p{PORT}.")));
    if has_fault {
        let said = stage.line(KNOWN_FAULT).await;
        assert_eq!(said["version"], *version);
        until("the port is closed", || stage.lines(HAPROXY_SAYS).iter().any(closed)).await;
    } else {
        let about_cuts = |line: &Value| line["fault"].as_str().is_some_and(|fault| fault.contains("cut"));
        assert!(!stage.lines(KNOWN_FAULT).iter().any(about_cuts));
        // What HAProxy says of a later change comes after what it would have said of this one.
        stage.change(|world| world.web().remove(3)).await;
        let later = |line: &Value| line["line"].as_str().is_some_and(|said| said.contains("p5002"));
        until("a later line", || stage.lines(HAPROXY_SAYS).iter().any(later)).await;
        assert!(!stage.lines(HAPROXY_SAYS).iter().any(closed));
    }
}
