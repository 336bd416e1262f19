//! The server as a client meets it: raw requests, raw answers.

mod faults;

use std::{io, net::Ipv4Addr, pin::pin, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{self, Instant},
};

use super::*;
use crate::{addresses::AddressPool, http::client};

const SOON: Duration = Duration::from_secs(5);
const WEB: &str = "/2015-12-19/self/stack/services/web";
const VERSION: &str = "/2015-12-19/version";

async fn start(adjust: impl FnOnce(&mut MetadataOptions)) -> MetadataServer {
    let world = World::new(AddressPool::new(Ipv4Addr::new(127, 0, 1, 1), 240), 3);
    let mut options = MetadataOptions::new(world);
    options.deadline_grid = Duration::from_millis(50);
    adjust(&mut options);
    MetadataServer::start(options).await
}

async fn send(server: &MetadataServer, target: &str, headers: &str) -> TcpStream {
    client::send(server.address(), target, headers).await
}

/// Everything that comes back until the connection ends, or why it broke.
async fn raw(server: &MetadataServer, target: &str, headers: &str) -> io::Result<String> {
    client::raw(server.address(), target, headers).await
}

/// Status and JSON body.
async fn get(server: &MetadataServer, target: &str) -> (u16, Value) {
    client::get(server.address(), target, "Accept: application/json\r\n").await
}

fn long_poll(from: &str, max_wait: u64) -> String {
    format!("{VERSION}?wait=true&value={from}&maxWait={max_wait}")
}

fn not_found(message: &str) -> (u16, Value) {
    (404, json!({ "code": 404, "message": message, "type": "error" }))
}

#[tokio::test]
async fn the_root_lists_the_versions_and_latest_is_the_highest() {
    let server = start(|_| {}).await;
    let (_, root) = get(&server, "/").await;
    assert_eq!(
        root,
        json!({ "2015-07-25": "/2015-07-25", "2015-12-19": "/2015-12-19", "2016-07-29": "/2016-07-29", "latest": "/latest" })
    );
    assert_eq!(get(&server, "/latest/hosts").await, get(&server, "/2016-07-29/hosts").await);
}

#[tokio::test]
async fn json_is_for_clients_that_ask_for_it_and_is_called_plain_text() {
    let server = start(|_| {}).await;
    let text = raw(&server, &format!("{WEB}/containers"), "Accept: */*\r\n").await.expect("an answer");
    assert!(text.ends_with("0=app-web-1\n1=app-web-2\n2=app-web-3\n"), "{text}");
    let json = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an answer");
    for answer in [text, json] {
        assert!(answer.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn long_documents_come_in_chunks() {
    let server = start(|_| {}).await;
    let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an answer");
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n"), "{answer}");
    assert_eq!(get(&server, WEB).await.1["containers"][2]["service_index"], "3");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = start(|_| {}).await;
    let mut stream = send(&server, VERSION, "").await;
    let version = server.version();
    for _ in 0..2 {
        let mut answer = Vec::new();
        while !answer.ends_with(version.as_bytes()) {
            assert_ne!(
                stream.read_buf(&mut answer).await.expect("an answer"),
                0,
                "the connection stays open"
            );
        }
        stream
            .write_all(format!("GET {VERSION} HTTP/1.1\r\n\r\n").as_bytes())
            .await
            .expect("a second request");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let server = start(|_| {}).await;
    assert_eq!(get(&server, "/2015-12-19/self/stack/services/nobody").await, not_found("Not found"));
    assert_eq!(get(&server, "/2017-01-01/version").await, not_found("Invalid version"));
    let text = raw(&server, "/2015-12-19/nothing", "").await.expect("an answer");
    assert!(
        text.starts_with("HTTP/1.1 404 Not Found\r\n") && text.ends_with("\r\n\r\nNot found\n"),
        "{text}"
    );
}

#[tokio::test]
async fn before_its_first_data_the_server_knows_no_version() {
    let server = start(|options| options.first_data = false).await;
    for path in [WEB, VERSION, "/latest/version", &long_poll("x", 60)] {
        assert_eq!(get(&server, path).await, not_found("Invalid version"), "{path}");
    }
    server.deliver_first_data();
    assert_eq!(get(&server, VERSION).await, (200, Value::from(server.version())));
}

#[tokio::test]
async fn a_client_that_the_server_does_not_know_sees_no_stack_of_its_own() {
    let server = start(|options| options.world.put_stalls_on_the_host_network()).await;
    assert_eq!(get(&server, "/2015-12-19/self/stack").await, not_found("Not found"));
    assert_eq!(get(&server, "/2015-12-19/self/host/name").await, (200, json!("host1")));
    assert_eq!(get(&server, "/2015-12-19/stacks/app/services/web/scale").await, (200, json!(3)));
}

#[tokio::test]
async fn segments_are_decoded_and_indices_work() {
    let server = start(|options| options.world.add_service("my app", "web").scale_to(0)).await;
    assert_eq!(get(&server, "/2015-12-19/stacks/my%20app/services/web/scale").await.1, json!(0));
    assert_eq!(get(&server, &format!("{WEB}/containers/1/name/")).await.1, json!("app-web-2"));
}

#[tokio::test]
async fn a_service_without_containers_has_null_for_them() {
    let server = start(|_| {}).await;
    server.change(|world| world.web().scale_to(0));
    let (_, web) = get(&server, WEB).await;
    assert_eq!((&web["containers"], &web["token"]), (&Value::Null, &json!("secrettokenweb")));
}

#[tokio::test]
async fn a_change_answers_the_long_polls() {
    let server = start(|_| {}).await;
    let old = server.version();
    let target = long_poll(&old, 60);
    let (answer, ()) = tokio::join!(get(&server, &target), async {
        server.await_caught_up(SOON).await;
        server.change(|world| world.web().scale_to(4));
    });
    assert_eq!(answer, (200, Value::from(server.version())));
    assert_ne!(server.version(), old);
    assert_eq!(get(&server, &target).await, answer, "a client that missed a change is answered at once");
}

#[tokio::test]
async fn a_long_poll_without_a_change_ends_on_the_grid_with_the_old_version() {
    let server = start(|options| options.deadline_grid = Duration::from_millis(700)).await;
    let asked = Instant::now();
    let answer = get(&server, &long_poll(&server.version(), 1)).await;
    assert_eq!(answer, (200, Value::from(server.version())));
    let elapsed = asked.elapsed();
    assert!(
        elapsed > Duration::from_millis(1300),
        "after {elapsed:?}: not at 1 s, which is between two looks"
    );
}

#[tokio::test]
async fn a_lost_wake_up_costs_the_time_until_the_next_look() {
    let server = start(|options| {
        options.lose_wake_ups = true;
        options.deadline_grid = Duration::from_millis(300);
    })
    .await;
    let target = long_poll(&server.version(), 60);
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(get(&server, &target), async {
        server.await_caught_up(SOON).await;
        server.change_foreign();
    });
    assert_eq!(answer, (200, Value::from(server.version())));
    assert!(begun.elapsed() > Duration::from_millis(200));
}

#[tokio::test]
async fn earlier_data_can_be_served_again() {
    let server = start(|_| {}).await;
    let (saved, old) = (server.saved(), server.version());
    server.change(|world| world.web().scale_to(4));
    let target = long_poll(&server.version(), 60);
    let (answer, ()) = tokio::join!(get(&server, &target), async {
        server.await_caught_up(SOON).await;
        server.restore(&saved);
    });
    assert_eq!((answer, server.version()), ((200, Value::from(old.clone())), old));
    assert_eq!(get(&server, WEB).await.1["scale"], 3);
}

#[tokio::test]
async fn a_foreign_change_leaves_our_document_as_it_was() {
    let server = start(|_| {}).await;
    let (version, web) = (server.version(), get(&server, WEB).await);
    server.change_foreign();
    assert_eq!(get(&server, WEB).await, web);
    assert_ne!(server.version(), version);
}

#[tokio::test]
async fn requests_are_counted_by_kind() {
    let server = start(|_| {}).await;
    get(&server, VERSION).await;
    get(&server, &long_poll("old", 1)).await;
    get(&server, WEB).await;
    assert_eq!(server.requests(), Requests { version: 2, documents: 1 });
    server.await_requests(|requests| requests.documents == 1, SOON).await;
}

#[tokio::test]
async fn it_can_be_stopped_and_started_again_at_the_same_address() {
    let server = start(|_| {}).await;
    let version = get(&server, VERSION).await;
    server.stop().await;
    let refused = TcpStream::connect(server.address()).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    server.restart().await;
    assert_eq!(get(&server, VERSION).await, version);
}
