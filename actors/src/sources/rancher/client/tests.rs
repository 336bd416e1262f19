//! The client against real sockets, and a server that sends exactly the bytes it is told to.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::sources::rancher::parse_service;

/// Long enough for any machine; nothing that succeeds waits for it.
const AMPLE: Duration = Duration::from_secs(20);
/// For what is to run out; a busy machine still sends a request within it.
const SHORT: Duration = Duration::from_millis(300);

/// What the server does about one request.
enum Answer {
    /// Sends this, and keeps the connection for the next request.
    Sends(String),
    /// Sends this and closes the connection.
    SendsAndCloses(String),
    /// Sends the first part, and each of the others after a while.
    SendsSlowly(String, Duration, Vec<String>),
    /// Sends this, and then nothing more for ever.
    Stalls(String),
    /// Sends the first part, and the other again and again until the connection is closed.
    SendsForEver(String, String, Arc<AtomicUsize>),
}

use Answer::{Sends, SendsAndCloses, SendsForEver, SendsSlowly, Stalls};

/// A server on a free port, and the heads of the requests that it got.
struct Server {
    base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A server that answers one request after the other, whatever connection they come by.
    async fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/2015-12-19", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let server = Self { base_url, requests: Arc::clone(&requests) };
        tokio::task::spawn_local(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(connection, Arc::clone(&answers), Arc::clone(&requests)));
            }
        });
        server
    }

    fn client(&self, limits: MetadataLimits) -> HttpMetadata {
        HttpMetadata::new(self.base_url.clone(), limits, Logger::root(slog::Discard, slog::o!()))
    }

    /// The document at `/p`, with limits that are not the point.
    async fn document(&self) -> Result<Vec<u8>, MetadataFault> {
        self.client(ample()).document("/p".into()).await
    }

    fn request_lines(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().filter_map(|head| head.lines().next().map(Into::into)).collect()
    }
}

async fn serve(
    mut connection: TcpStream,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match connection.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        requests.lock().unwrap().push(String::from_utf8(head).unwrap());
        let answer = answers.lock().unwrap().pop_front();
        match answer.unwrap_or_else(|| SendsAndCloses(String::new())) {
            Sends(bytes) => connection.write_all(bytes.as_bytes()).await.unwrap(),
            SendsAndCloses(bytes) => return connection.write_all(bytes.as_bytes()).await.unwrap(),
            SendsSlowly(first, pause, rest) => {
                connection.write_all(first.as_bytes()).await.unwrap();
                for part in rest {
                    tokio::time::sleep(pause).await;
                    connection.write_all(part.as_bytes()).await.unwrap();
                }
            }
            Stalls(bytes) => {
                connection.write_all(bytes.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            }
            SendsForEver(first, rest, sent) => {
                let mut written = connection.write_all(first.as_bytes()).await;
                while written.is_ok() {
                    sent.fetch_add(rest.len(), Ordering::Relaxed);
                    written = connection.write_all(rest.as_bytes()).await;
                }
                return;
            }
        }
    }
}

fn ample() -> MetadataLimits {
    MetadataLimits { head: AMPLE, pause: AMPLE, body: AMPLE, body_bytes: 1000 }
}

fn head(status: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn answer(status: &str, body: &str) -> String {
    head(status, body.len()) + body
}

fn ok(body: &str) -> String {
    answer("200 OK", body)
}

// === requests ===

#[actix_rt::test]
async fn json_is_asked_for_and_taken_as_plain_text() {
    let server = Server::with([Sends(ok(r#"{"name":"web"}"#))]).await;
    assert_eq!(server.document().await.unwrap(), br#"{"name":"web"}"#);
    assert_eq!(server.request_lines(), ["GET /2015-12-19/p HTTP/1.1"]);
    let request = server.requests.lock().unwrap()[0].to_ascii_lowercase();
    assert_eq!(request.matches("\r\naccept: application/json\r\n").count(), 1, "{request}");
    assert!(request.contains("\r\naccept-encoding: identity\r\n"), "{request}");
}

#[actix_rt::test]
async fn names_are_encoded_in_a_path() {
    let odd = ServiceRef { stack: Some("a/b c".into()), service: "ü?x=1#%&..".into() };
    let path = service_path(&odd);
    assert_eq!(path, "/stacks/a%2Fb%20c/services/%C3%BC%3Fx%3D1%23%25%26..");
    let own = ServiceRef { stack: None, service: "my-web_1.2~".into() };
    assert_eq!(service_path(&own), "/self/stack/services/my-web_1.2~");
    let server = Server::with([Sends(ok("{}"))]).await;
    server.client(ample()).document(path.clone()).await.unwrap();
    assert_eq!(server.request_lines(), [format!("GET /2015-12-19{path} HTTP/1.1")]);
}

#[actix_rt::test]
async fn the_version_is_asked_for_at_once_or_by_a_long_poll_from_the_known_one() {
    let waits = [(1, "1"), (1_000, "1"), (1_001, "2"), (5_000, "5"), (600_000, "120")];
    let server = Server::with((0..=waits.len()).map(|_| Sends(ok(r#""v2""#)))).await;
    let client = server.client(ample());
    assert_eq!(client.version(None, AMPLE).await.unwrap(), "v2");
    for (wait_ms, _) in waits {
        client.version(Some("a b&c=\"d\"".into()), Duration::from_millis(wait_ms)).await.unwrap();
    }
    let mut expected = vec![String::from("GET /2015-12-19/version HTTP/1.1")];
    let long_poll = "/2015-12-19/version?wait=true&value=a%20b%26c%3D%22d%22&maxWait=";
    expected.extend(waits.map(|(_, seconds)| format!("GET {long_poll}{seconds} HTTP/1.1")));
    assert_eq!(server.request_lines(), expected);
}

#[actix_rt::test]
async fn a_long_poll_may_take_its_time_beyond_the_limit_of_other_answers() {
    let server = Server::with([SendsSlowly(String::new(), SHORT * 2, vec![ok(r#""v2""#)])]).await;
    let client = server.client(MetadataLimits { head: SHORT, ..ample() });
    assert_eq!(client.version(Some("v1".into()), Duration::from_secs(1)).await, Ok("v2".into()));
}

// === connections ===

#[actix_rt::test]
async fn a_kept_alive_connection_that_was_closed_meanwhile_is_nothing_to_tell() {
    // Closed after the answer, or only when the next request arrives.
    let answers = [SendsAndCloses(ok("1")), Sends(ok("2")), SendsAndCloses(String::new()), Sends(ok("3"))];
    let server = Server::with(answers).await;
    let client = server.client(ample());
    for expected in [b"1", b"2", b"3"] {
        assert_eq!(client.document("/p".into()).await.unwrap(), expected);
    }
    assert_eq!(server.request_lines().len(), 4);
}

#[actix_rt::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let client = HttpMetadata::new(
        format!("http://127.0.0.1:{port}"),
        ample(),
        Logger::root(slog::Discard, slog::o!()),
    );
    let fault = client.document("/p".into()).await.unwrap_err();
    assert_eq!(fault.kind(), "unreachable");
    assert!(fault.to_string().starts_with("/p: cannot be reached: "), "{fault}");
}

#[actix_rt::test]
async fn what_is_not_http_is_unreachable() {
    let garbage = || SendsAndCloses("\u{1}\u{2} hello\r\n\r\n".into());
    let server = Server::with([garbage(), garbage()]).await;
    assert_eq!(server.document().await.unwrap_err().kind(), "unreachable");
    assert_eq!(server.request_lines().len(), 2, "it is tried twice and no more");
}

#[actix_rt::test]
async fn a_body_that_breaks_off_is_unreachable() {
    let server = Server::with([SendsAndCloses(head("200 OK", 100) + "{\"name\":")]).await;
    assert_eq!(server.document().await.unwrap_err().kind(), "unreachable");
}

/// awc takes it for complete; but no beginning of a JSON object is JSON.
#[actix_rt::test]
async fn a_chunked_body_that_breaks_off_is_not_json() {
    let begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"nam\r\n";
    let server = Server::with([SendsAndCloses(begun.into())]).await;
    let fault = server.document().await.and_then(|body| parse_service("/p", "web", &body, &[])).unwrap_err();
    assert_eq!(fault.kind(), "not_json");
}

// === answers ===

#[actix_rt::test]
async fn not_found_comes_with_the_servers_words() {
    let real = include_str!("../../../../../tests/lab/testdata/rancher-metadata/2015-12-19--404.json");
    let answers = [
        (real, "Not found"),
        (r#"{"code":404,"message":"Invalid version","type":"error"}"#, "Invalid version"),
        ("404 page not found", "no reason given"),
    ];
    for (body, message) in answers {
        let server = Server::with([Sends(answer("404 Not Found", body))]).await;
        let expected = MetadataFault::NotFound { path: "/p".into(), message: message.into() };
        assert_eq!(server.document().await, Err(expected));
    }
}

#[actix_rt::test]
async fn any_other_status_is_a_fault() {
    for (line, status) in [("500 Internal Server Error", 500), ("503 Busy", 503), ("201 Created", 201)] {
        let server = Server::with([Sends(answer(line, "{}"))]).await;
        assert_eq!(server.document().await, Err(MetadataFault::Status { path: "/p".into(), status }));
    }
}

#[actix_rt::test]
async fn a_redirect_is_not_followed() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let server = Server::with([Sends(redirect.into()), Sends(ok("{}"))]).await;
    assert_eq!(server.document().await, Err(MetadataFault::Status { path: "/p".into(), status: 302 }));
    assert_eq!(server.request_lines().len(), 1);
}

#[actix_rt::test]
async fn a_body_above_the_limit_is_said_to_be() {
    let at_limit = "x".repeat(1000);
    let server = Server::with([Sends(ok(&at_limit))]).await;
    assert_eq!(server.document().await.unwrap().len(), 1000);
    let too_large = MetadataFault::TooLarge { path: "/p".into(), limit_bytes: 1000 };
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    for larger in [ok(&format!("{at_limit}x")), chunked] {
        let server = Server::with([Stalls(larger)]).await;
        assert_eq!(server.document().await, Err(too_large.clone()));
    }
}

/// What is sent beyond the limit stays in the buffers of the sockets, which are of some megabytes at most.
#[actix_rt::test]
async fn an_answer_without_end_is_not_read_for_ever() {
    let chunked = String::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let text = "x".repeat(0x1000);
    let chunk = format!("1000\r\n{text}\r\n");
    let header = format!("X: {text}\r\n");
    for (first, rest, kind) in [
        (chunked, chunk, "too_large"),
        (head("200 OK", usize::MAX / 2), text, "too_large"),
        (String::from("HTTP/1.1 200 OK\r\n"), header, "unreachable"),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        // An answer that is unreachable is asked for twice.
        let endless = || SendsForEver(first.clone(), rest.clone(), Arc::clone(&sent));
        let server = Server::with([endless(), endless()]).await;
        let limits = MetadataLimits { body_bytes: 1 << 20, ..ample() };
        assert_eq!(server.client(limits).document("/p".into()).await.unwrap_err().kind(), kind);
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 32 << 20, "{sent} bytes");
    }
}

#[actix_rt::test]
async fn the_servers_words_are_cut() {
    let body = format!(r#"{{"message":"{}"}}"#, "é".repeat(400));
    let server = Server::with([Sends(answer("404 Not Found", &body))]).await;
    let expected = MetadataFault::NotFound { path: "/p".into(), message: "é".repeat(256) };
    assert_eq!(server.document().await, Err(expected));
}

/// A few kilobytes could become gigabytes.
#[actix_rt::test]
async fn a_compressed_body_is_not_unpacked() {
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\u{1f}abc";
    let server = Server::with([Sends(gzip.into())]).await;
    assert_eq!(server.document().await, Ok(b"\x1fabc".to_vec()));
}

#[actix_rt::test]
async fn ten_thousand_real_containers_fit() {
    let sample = include_str!(
        "../../../../../tests/lab/testdata/rancher-metadata/2015-12-19--self_stack_services_web.json"
    );
    let mut document: serde_json::Value = serde_json::from_str(sample).unwrap();
    let one = document["containers"][0].clone();
    let numbered = |number: u32| {
        let mut container = one.clone();
        container["uuid"] = number.to_string().into();
        container
    };
    document["containers"] = (0..10_000).map(numbered).collect();
    let server = Server::with([Sends(ok(&serde_json::to_string_pretty(&document).unwrap()))]).await;
    let body = server.client(MetadataLimits::default()).document("/p".into()).await.unwrap();
    assert_eq!(parse_service("/p", "web", &body, &[]).unwrap().len(), 10_000);
}

#[actix_rt::test]
async fn a_version_that_is_none_is_a_fault() {
    for (body, kind) in
        [("<html>", "not_json"), ("{}", "wrong_shape"), (r#""""#, "wrong_shape"), ("", "not_json")]
    {
        let server = Server::with([Sends(ok(body))]).await;
        let fault = server.client(ample()).version(None, AMPLE).await.unwrap_err();
        assert_eq!(fault.kind(), kind, "{body}");
    }
}

// === limits ===

#[actix_rt::test]
async fn a_head_that_does_not_come_times_out() {
    for part in ["", "HTTP/1.1 200 OK\r\nContent-"] {
        let server = Server::with([Stalls(part.into())]).await;
        let fault = server.client(MetadataLimits { head: SHORT, ..ample() }).document("/p".into()).await;
        assert_eq!(fault, Err(MetadataFault::TimedOut { path: "/p".into(), limit: SHORT }));
        assert_eq!(server.request_lines().len(), 1, "it is not tried twice");
    }
}

#[actix_rt::test]
async fn a_body_that_does_not_end_times_out() {
    for status in ["200 OK", "404 Not Found"] {
        let server = Server::with([Stalls(head(status, 100) + "{\"name\":")]).await;
        let fault = server.client(MetadataLimits { body: SHORT, ..ample() }).document("/p".into()).await;
        assert_eq!(fault, Err(MetadataFault::TimedOut { path: "/p".into(), limit: SHORT }));
    }
}

#[actix_rt::test]
async fn a_body_that_stops_coming_is_not_waited_for_to_the_end() {
    for status in ["200 OK", "404 Not Found"] {
        for begun in ["", "{\"name\":"] {
            let server = Server::with([Stalls(head(status, 100) + begun)]).await;
            let limits = MetadataLimits { pause: SHORT, ..ample() };
            let fault = server.client(limits).document("/p".into()).await;
            assert_eq!(fault, Err(MetadataFault::Stalled { path: "/p".into(), limit: SHORT }));
        }
    }
}

#[actix_rt::test]
async fn a_body_that_comes_in_pieces_may_take_longer_than_a_pause() {
    let pause = SHORT * 3;
    let pieces = vec![String::from("1"); 12];
    let server = Server::with([SendsSlowly(head("200 OK", pieces.len()), pause / 10, pieces)]).await;
    let client = server.client(MetadataLimits { pause, ..ample() });
    assert_eq!(client.document("/p".into()).await, Ok(b"111111111111".to_vec()));
}

#[actix_rt::test]
async fn a_body_has_its_own_time_beyond_that_of_the_head() {
    let server = Server::with([SendsSlowly(head("200 OK", 2), SHORT * 2, vec!["{}".into()])]).await;
    let client = server.client(MetadataLimits { head: SHORT, ..ample() });
    assert_eq!(client.document("/p".into()).await, Ok(b"{}".to_vec()));
}
