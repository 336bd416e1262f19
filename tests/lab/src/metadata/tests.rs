//! The server as a client meets it: raw requests, raw answers.

use std::{io, net::Ipv4Addr, pin::pin, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{self, Instant},
};

use super::*;

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
    let mut stream = TcpStream::connect(server.address()).await.expect("the server accepts");
    let request = format!("GET {target} HTTP/1.1\r\nHost: rancher-metadata\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    stream
}

/// Everything that comes back until the connection ends, or why it broke.
async fn raw(server: &MetadataServer, target: &str, headers: &str) -> io::Result<String> {
    let mut stream = send(server, target, &format!("Connection: close\r\n{headers}")).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map(|_| answer)
}

/// Status and JSON body.
async fn get(server: &MetadataServer, target: &str) -> (u16, Value) {
    let answer = raw(server, target, "Accept: application/json\r\n").await.expect("a whole answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let body = if head.contains("chunked") { dechunked(body) } else { body.to_owned() };
    let status = head[9..12].parse().expect("a status");
    (status, serde_json::from_str(&body).unwrap_or(Value::from(body)))
}

fn dechunked(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a chunk's length");
        body.push_str(&rest[..length]);
        chunks = rest[length..].trim_start();
    }
    body
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
async fn json_is_for_those_who_ask_for_it_and_is_called_plain_text() {
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
async fn what_was_told_before_can_be_told_again() {
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

#[tokio::test]
async fn faults_that_are_answers() {
    let server = start(|_| {}).await;
    let url = "http://127.0.0.1:1/".to_owned();
    for (fault, status, body) in [
        (Fault::NotFound, 404, "{\"code\":404,\"message\":\"Not found\",\"type\":\"error\"}\n"),
        (Fault::InvalidVersion, 404, "{\"code\":404,\"message\":\"Invalid version\",\"type\":\"error\"}\n"),
        (Fault::InternalError, 500, "Internal Server Error\n"),
        (Fault::Redirect(url), 302, ""),
        (Fault::Html, 200, "<!DOCTYPE html><html><body>Please log in.</body></html>\n"),
        (Fault::BadJson, 200, "{\"name\": \"web\", \"containers\": [{\"name\": \"app-w"),
        (Fault::WrongTypes, 200, "{\"containers\":7,\"name\":[\"web\"],\"scale\":\"three\"}"),
        (Fault::EmptyBody, 200, ""),
        (Fault::Body("{}".into()), 200, "{}"),
    ] {
        server.fault(fault.clone()).await;
        let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an answer");
        assert_eq!(&answer[9..12], status.to_string(), "{fault:?}");
        assert_eq!(answer.split_once("\r\n\r\n").map(|(_, body)| body), Some(body), "{fault:?}");
    }
    server.clear_fault().await;
    assert_eq!(get(&server, WEB).await.0, 200);
}

#[tokio::test]
async fn refuse_closes_the_port_until_the_fault_is_cleared() {
    let server = start(|_| {}).await;
    let mut waiting = send(&server, &long_poll(&server.version(), 60), "").await;
    server.await_caught_up(SOON).await;
    server.fault(Fault::Refuse).await;
    let refused = TcpStream::connect(server.address()).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(matches!(waiting.read(&mut [0]).await, Ok(0) | Err(_)), "the old connection has ended");
    server.clear_fault().await;
    assert_eq!(get(&server, WEB).await.0, 200);
}

#[tokio::test]
async fn hang_answers_when_it_has_ended() {
    let server = start(|_| {}).await;
    server.fault(Fault::Hang).await;
    let mut waiting = pin!(get(&server, WEB));
    let answer = time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(answer.is_err(), "{answer:?}");
    server.clear_fault().await;
    assert_eq!(waiting.await.0, 200);
}

#[tokio::test]
async fn close_and_abort_end_the_connection_without_a_word() {
    let server = start(|_| {}).await;
    server.fault(Fault::Close).await;
    assert_eq!(raw(&server, WEB, "").await.expect("an orderly end"), "");
    server.fault(Fault::Abort).await;
    let error = raw(&server, WEB, "").await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn truncated_promises_more_than_it_sends() {
    let server = start(|_| {}).await;
    let whole = get(&server, WEB).await.1.to_string();
    server.fault(Fault::Truncated).await;
    let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an orderly end");
    assert!(answer.contains(&format!("\r\nContent-Length: {}\r\n", whole.len())), "{answer}");
    assert!(answer.ends_with(&whole[..whole.len() / 2]));
}

#[tokio::test]
async fn a_truncated_chunk_promises_nothing() {
    let server = start(|_| {}).await;
    let whole = get(&server, WEB).await.1.to_string();
    server.fault(Fault::TruncatedChunk).await;
    let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an orderly end");
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("\r\n{}\r\n", &whole[..whole.len() / 2])), "{answer}");
}

#[tokio::test]
async fn stall_sends_the_other_half_when_it_has_ended() {
    let server = start(|_| {}).await;
    server.fault(Fault::Stall).await;
    let mut stream = send(&server, VERSION, "Accept: application/json\r\nConnection: close\r\n").await;
    let mut answer = Vec::new();
    let reading = time::timeout(Duration::from_millis(200), stream.read_to_end(&mut answer)).await;
    assert!(reading.is_err(), "there is more to come");
    let body = |answer: &[u8]| {
        let answer = String::from_utf8_lossy(answer).into_owned();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    };
    let whole = Value::from(server.version()).to_string();
    assert_eq!(body(&answer).as_deref(), Some(&whole[..whole.len() / 2]));
    server.clear_fault().await;
    stream.read_to_end(&mut answer).await.expect("the rest");
    assert_eq!(body(&answer), Some(whole));
}

#[tokio::test]
async fn raw_bytes_are_sent_as_they_are() {
    let server = start(|_| {}).await;
    server.fault(Fault::Raw(b"no HTTP".to_vec())).await;
    assert_eq!(raw(&server, WEB, "").await.expect("an orderly end"), "no HTTP");
}

#[tokio::test]
async fn a_connection_can_end_after_an_answer_or_when_it_is_used_again() {
    let server = start(|_| {}).await;
    for (fault, requests) in [(Fault::CloseAfterAnswer, 1), (Fault::CloseOnReuse, 2)] {
        server.fault(fault).await;
        let before = server.requests().version;
        let mut stream = send(&server, VERSION, "").await;
        let again = format!("GET {VERSION} HTTP/1.1\r\n\r\n");
        if requests == 2 {
            stream.write_all(again.as_bytes()).await.expect("the server reads");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an orderly end");
        assert!(answer.ends_with(&server.version()), "{answer}");
        assert_eq!((answer.matches("HTTP/1.1").count(), server.requests().version), (1, before + requests));
    }
}

#[tokio::test]
async fn reset_breaks_the_connection() {
    let server = start(|_| {}).await;
    server.fault(Fault::Reset).await;
    let error = raw(&server, WEB, "").await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn drip_sends_the_body_byte_by_byte() {
    let server = start(|_| {}).await;
    server.fault(Fault::Drip).await;
    let mut stream = send(&server, VERSION, "").await;
    let mut answer = Vec::new();
    let reading = time::timeout(Duration::from_millis(200), stream.read_to_end(&mut answer)).await;
    assert!(reading.is_err(), "there is more to come");
    let answer = String::from_utf8_lossy(&answer);
    assert_eq!(answer.split_once("\r\n\r\n").map(|(_, body)| body.len()), Some(1), "{answer}");
    server.clear_fault().await;
    let version = server.version();
    let mut rest = vec![0; version.len() - 1];
    stream.read_exact(&mut rest).await.expect("the rest comes at once");
    assert!(version.as_bytes().ends_with(&rest));
}

#[tokio::test]
async fn huge_sends_as_much_as_it_is_told() {
    let server = start(|_| {}).await;
    server.fault(Fault::Huge(300_000)).await;
    let (_, body) = get(&server, WEB).await;
    assert_eq!(body.to_string().len(), 300_000);
}

#[tokio::test]
async fn a_version_can_answer_at_once_or_be_another_each_time() {
    let server = start(|_| {}).await;
    let old = server.version();
    server.fault_only(Scope::Version, Fault::InstantVersion).await;
    assert_eq!(get(&server, &long_poll(&old, 60)).await.1, Value::from(old.clone()));
    server.fault_only(Scope::Version, Fault::RandomVersion).await;
    let versions = [get(&server, &long_poll(&old, 60)).await, get(&server, &long_poll(&old, 60)).await];
    assert_ne!(versions[0], versions[1]);
    assert_eq!(server.version(), old);
}

#[tokio::test]
async fn a_fault_stays_within_its_scope() {
    let server = start(|_| {}).await;
    server.fault_only(Scope::Documents, Fault::InternalError).await;
    assert_eq!((get(&server, VERSION).await.0, get(&server, WEB).await.0), (200, 500));
    server.fault_only(Scope::Version, Fault::InternalError).await;
    assert_eq!((get(&server, VERSION).await.0, get(&server, WEB).await.0), (500, 200));
}

#[tokio::test]
async fn a_fault_reaches_the_long_polls_that_wait_already() {
    let server = start(|_| {}).await;
    let target = long_poll(&server.version(), 60);
    let (answer, ()) = tokio::join!(get(&server, &target), async {
        server.await_caught_up(SOON).await;
        server.fault(Fault::InternalError).await;
    });
    assert_eq!(answer.0, 500);
}
