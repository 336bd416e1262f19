//! The health of stalls over HTTP, and `stalls health`.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use serde_json::{Value, json};
use stalls_lab::{
    client::await_refused,
    metadata::Fault,
    stalls::{
        Launch, Signal,
        messages::{ADMIN_LISTENING, ADMIN_NOT_LISTENING, FAULT_BEGINS, LINGER, NOT_ACCEPTED, PLAN_APPLIED},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::harness::{BASE, Ended, REJECTED_AMONG_MANY, SOON, Script, Stage, launch, run, until};

/// Lets HAProxy check a configuration, but not serve if the file `broken` is there.
const SERVES_UNLESS_BROKEN: &str = r#"case " $* " in
*" -c "*) exec "$HAPROXY" "$@" ;;
esac
[ ! -e "$(dirname "$0")/broken" ] || exit 1
exec "$HAPROXY" "$@""#;

/// The possible reasons after a HAProxy was killed: a query may have noticed that before its end was seen, and its
/// successor may have failed since.
const SAYS_WHY: [&str; 4] =
    ["haproxy died", "haproxy runtime API is closed", "haproxy does not answer", "haproxy failed to start"];

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Why the answer is no.
    fn reasons(&self) -> String {
        self.json()["reasons"].to_string()
    }
}

fn address(stage: &Stage) -> SocketAddr {
    stage.address(8405)
}

/// Three containers, and the admin address beside their ports.
pub(crate) async fn prepared() -> Stage {
    let stage = Stage::prepared(3).await;
    let address = address(&stage);
    stage.env("ADMIN_LISTEN", address)
}

/// Asks as any client of HTTP does, and reads until the server closes.
async fn ask(stage: &Stage, method: &str, path: &str) -> Response {
    let mut stream = TcpStream::connect(address(stage)).await.expect("the admin address listens");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("the answer comes");
    let (headers, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Response { status, headers: headers.to_lowercase(), body: body.to_owned() }
}

pub(crate) async fn get(stage: &Stage, path: &str) -> Response {
    ask(stage, "GET", path).await
}

/// Waits until the path is answered with this status.
async fn await_status(stage: &Stage, path: &str, status: u16) -> Response {
    let begun = Instant::now();
    loop {
        let response = get(stage, path).await;
        if response.status == status {
            return response;
        }
        assert!(begun.elapsed() < SOON, "{path} still is {}: {}", response.status, response.body);
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn health(launch: &Launch) -> Ended {
    run(&launch.clone().arg("health")).await
}

#[tokio::test]
async fn a_stalls_instance_at_work_is_healthy_and_ready() {
    let stage = prepared().await.started().await;
    let healthz = get(&stage, "/healthz").await;
    assert_eq!((healthz.status, &healthz.json()["status"]), (200, &"healthy".into()));
    assert_eq!(healthz.json()["haproxy_pid"], stage.haproxy().await);
    assert!(healthz.headers.contains("content-type: application/json"), "{}", healthz.headers);
    assert!(healthz.headers.contains("cache-control: no-store"), "{}", healthz.headers);
    let readyz = get(&stage, "/readyz").await;
    let applied = &stage.line(PLAN_APPLIED).await["revision"];
    assert_eq!(
        (readyz.status, &readyz.json()["status"], &readyz.json()["revision"]),
        (200, &"ready".into(), applied)
    );

    let Ended { code, stdout, stderr } = health(stage.launch()).await;
    assert_eq!((code, &stdout[..], &stderr[..]), (Some(0), &[healthz.body][..], &[][..]));
    stage.assert_calm();
}

#[tokio::test]
async fn a_haproxy_that_cannot_be_started_is_reported_until_it_can() {
    let haproxy = Script::new(SERVES_UNLESS_BROKEN);
    let stage = prepared().await.env("HAPROXY_BIN", haproxy.path().display()).started().await;
    fs::write(haproxy.beside("broken"), "").unwrap();
    stage.stalls().signal_haproxy(Signal::KILL);
    for path in ["/healthz", "/readyz"] {
        let response = await_status(&stage, path, 503).await;
        assert!(SAYS_WHY.iter().any(|why| response.reasons().contains(why)), "{}", response.body);
    }
    let Ended { code, stdout, stderr } = health(stage.launch()).await;
    assert_eq!((code, stderr.len()), (Some(1), 0));
    assert!(SAYS_WHY.iter().any(|why| stdout.concat().contains(why)), "{stdout:?}");

    fs::remove_file(haproxy.beside("broken")).unwrap();
    for path in ["/healthz", "/readyz"] {
        await_status(&stage, path, 200).await;
    }
}

#[tokio::test]
async fn without_metadata_it_is_healthy_once_it_has_had_some() {
    let mut stage = prepared().await;
    stage.server.fault(Fault::NotFound).await;
    stage.start();
    stage.line(ADMIN_LISTENING).await;
    for path in ["/healthz", "/readyz"] {
        let response = get(&stage, path).await;
        assert_eq!(response.status, 503);
        assert!(
            response.reasons().contains("until the metadata or the saved assignments"),
            "{}",
            response.body
        );
    }
    stage.server.clear_fault().await;
    await_status(&stage, "/readyz", 200).await;
    let mark = stage.stalls().log_mark();
    stage.server.fault(Fault::NotFound).await;
    stage.line_after(mark, FAULT_BEGINS).await;
    for path in ["/healthz", "/readyz"] {
        let response = get(&stage, path).await;
        assert_eq!(response.status, 200);
        assert!(response.json()["metadata_fault_for_ms"].is_u64(), "{}", response.body);
    }
}

#[tokio::test]
async fn lingering_ports_are_reported() {
    let mut stage = prepared().await.env("LINGER_MS", 3_600_000).started().await;
    assert_eq!(get(&stage, "/healthz").await.json()["lingering"], Value::Null);
    stage.change_lingering(|world| world.web().scale_to(0)).await;
    stage.line(LINGER).await;
    let healthz = get(&stage, "/healthz").await;
    assert_eq!((healthz.status, &healthz.json()["lingering"]["ports"]), (200, &json!([[BASE, BASE + 2]])));
    assert!(healthz.json()["lingering"]["for_ms"].as_u64() > Some(3_500_000), "{}", healthz.body);
}

#[tokio::test]
async fn it_can_only_be_read() {
    let stage = prepared().await.started().await;
    for path in ["/", "/page.css", "/healthz", "/readyz", "/metrics", "/v1/mapping", "/v1/config"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            assert_eq!(ask(&stage, method, path).await.status, 405, "{method} {path}");
        }
        let head = ask(&stage, "HEAD", path).await;
        assert_eq!((head.status, &head.body[..]), (200, ""));
    }
    for path in ["/index.html", "/healthz/", "/metrics/"] {
        assert_eq!(get(&stage, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn idle_clients_keep_others_out_for_seconds_only() {
    let stage = prepared().await.started().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(address(&stage)).await.expect("the admin address listens"));
    }
    assert_eq!(get(&stage, "/healthz").await.status, 200);
    for mut client in idle {
        // The server sends a time-out status, or just closes the connection.
        let mut told = Vec::new();
        let _ = client.read_to_end(&mut told).await;
    }
    stage.settled().await;
}

#[tokio::test]
async fn an_admin_address_that_is_taken_is_served_once_it_is_free() {
    let stage = prepared().await;
    let other = TcpListener::bind(address(&stage)).expect("the port is free");
    let stage = stage.started().await;
    let line = stage.line(ADMIN_NOT_LISTENING).await;
    assert_eq!((&line["level"], &line["address"]), (&"error".into(), &address(&stage).to_string().into()));
    drop(other);
    assert!(stage.line(ADMIN_LISTENING).await["failed_for_ms"].as_u64().is_some());
    assert_eq!(get(&stage, "/readyz").await.status, 200);
    assert_eq!(stage.lines(ADMIN_NOT_LISTENING).len(), 1);
}

#[tokio::test]
async fn a_draining_stalls_instance_is_not_ready_and_admin_clients_do_not_delay_its_end() {
    let mut stage = prepared().await.started().await;
    let held = stage.hold(BASE).await;
    let _idle = TcpStream::connect(address(&stage)).await.expect("the admin address listens");
    stage.signal(Signal::TERM);
    await_refused(address(&stage), SOON).await.unwrap_or_else(|not_yet| panic!("{not_yet}"));
    assert!(stage.is_running());
    drop(held);
    stage.ended_well().await;
}

#[tokio::test]
async fn health_says_in_one_line_why_it_cannot_ask() {
    let alone = launch(Ipv4Addr::LOCALHOST, "");
    let long = format!("/{}", "r".repeat(70));
    for (run_dir, code, says) in [
        (
            "/nonexistent",
            1,
            "stalls health: no stalls instance answers at /nonexistent/admin.sock (RUN_DIR): ",
        ),
        ("run", 64, "RUN_DIR=\"run\": must be an absolute path"),
        (&long, 64, &format!("RUN_DIR=\"{long}\": must be at most 70 bytes long")),
    ] {
        let Ended { code: ended, stdout, stderr } = health(&alone.clone().env("RUN_DIR", run_dir)).await;
        assert_eq!((ended, stdout.len(), stderr.len()), (Some(code), 0, 1), "{run_dir}: {stderr:?}");
        assert!(stderr[0].starts_with(says), "{run_dir}: {stderr:?}");
    }
}

#[tokio::test]
async fn health_needs_no_other_setting() {
    let stage = prepared().await.started().await;
    let mut alone = stage.launch().clone().env("ADMIN_LISTEN", "nonsense");
    for required in ["SERVICE_NAME", "BACKEND_PORT", "BASE_PORT", "METADATA_URL", "STATE_DIR", "HAPROXY_BIN"]
    {
        alone = alone.without(required);
    }
    assert_eq!(health(&alone).await.code, Some(0));
}

#[tokio::test]
async fn the_socket_comes_back_with_its_directory_and_goes_with_stalls() {
    let mut stage = Stage::with_scale(1).await;
    let run_dir = stage.launch().run_dir();
    let socket = run_dir.join("admin.sock");
    fs::remove_dir_all(&run_dir).unwrap();
    until("another socket", || socket.exists()).await;
    until("a healthy instance", || std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
    // The start after a kill finds the socket of its predecessor.
    stage.kill_and_start().await;
    assert_eq!(health(stage.launch()).await.code, Some(0));
    stage.end().await;
    assert!(!socket.exists());
    assert_eq!(health(stage.launch()).await.code, Some(1));
}

#[tokio::test]
async fn a_configuration_that_haproxy_rejects_is_the_reason_and_not_the_metadata() {
    let template = tempfile::NamedTempFile::new().unwrap();
    let built_in = include_str!("../../actors/src/config/haproxy.cfg.hbs");
    fs::write(template.path(), format!("{built_in}{REJECTED_AMONG_MANY}")).unwrap();
    let mut stage = prepared().await.env("HAPROXY_TEMPLATE", template.path().display());
    stage.start();
    stage.line(NOT_ACCEPTED).await;
    for path in ["/healthz", "/readyz"] {
        let response = await_status(&stage, path, 503).await;
        assert!(response.reasons().contains("unknown keyword 'frobnicate'"), "{}", response.body);
        assert!(!response.reasons().contains("metadata"), "{}", response.body);
    }
    stage.end().await;
}
