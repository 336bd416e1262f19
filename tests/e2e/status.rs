//! `stalls status`, `stalls release` and `stalls cut`: against a real instance, and against a fake for what a real one
//! does at no certain moment.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};
use stalls_lab::stalls::{Launch, Signal, messages::LINGER};
use tokio::time::Instant;

use crate::harness::{BASE, Ended, POOL, SOON, Stage, launch, run, until};

/// Gives each request the next answer, and leaves requests unanswered when there is none left.
struct FakeInstance {
    launch: Launch,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeInstance {
    fn answering(answers: Vec<(u16, Value)>) -> Self {
        let launch = launch([127, 0, 0, 1].into(), "");
        let listener = UnixListener::bind(launch.run_dir().join("admin.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut unanswered = Vec::new();
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                seen.lock().unwrap().push(request_line(&stream));
                match answers.next() {
                    Some((status, body)) => write!(stream, "HTTP/1.1 {status} X\r\n\r\n{body}").unwrap(),
                    None => unanswered.push(stream),
                }
            }
        });
        Self { launch, requests }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        run(&with(&self.launch, arguments)).await
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn with(launch: &Launch, arguments: &[&str]) -> Launch {
    arguments.iter().fold(launch.clone(), |launch, argument| launch.arg(argument))
}

/// The first line of a request, the rest of which is read, too.
fn request_line(stream: &UnixStream) -> String {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    lines.find(String::is_empty).unwrap();
    first
}

/// A document in which ports have these states.
fn document(id: &str, source: &str, states: &[&str]) -> Value {
    let since = "2026-11-27T13:00:00.000Z";
    let port = |(port, state): (u16, &&str)| {
        let container = (*state != "free")
            .then(|| json!({"name": format!("app-web-{port}"), "uuid": "u", "address": "10.42.0.7:80"}));
        json!({"port": port, "service": "app/web", "state": state, "container": container, "since": since,
               "reason": null, "sessions": 3})
    };
    json!({
        "id": id, "revision": 17, "version": "0.1.0", "at": "2026-11-27T13:01:02.000Z",
        "services": [{"service": "app/web", "state": "ok", "since": "2026-11-27T13:00:00.000Z", "reason": null}],
        "source": {"state": source, "since": since, "reason": (source != "ok").then_some("unreachable")},
        "haproxy": {"state": "running", "since": since, "pid": 7, "version": "2.6.12", "reason": null},
        "ports": (5000..).zip(states).map(port).collect::<Vec<_>>(), "unmapped": [], "findings": [],
    })
}

/// What `stalls status` shows, once the instance has noticed that HAProxy serves this port.
async fn shown(stage: &Stage, port: u16) -> Vec<String> {
    let serves = format!("{port}  serving");
    let begun = Instant::now();
    loop {
        let Ended { code, stdout, stderr } = run(&with(stage.launch(), &["status"])).await;
        assert_eq!((code, stderr.len()), (Some(0), 0), "{stderr:?}");
        if stdout.iter().any(|line| line.starts_with(&serves)) {
            return stdout;
        }
        assert!(begun.elapsed() < SOON, "port {port} is not shown to serve: {stdout:#?}");
    }
}

#[tokio::test]
async fn a_real_instance_shows_its_ports() {
    let mut stage = Stage::with_scale(2).await;
    let stdout = shown(&stage, BASE + 1).await;
    for beginning in [
        "5000  serving  app-web-1  ",
        "5001  serving  app-web-2  ",
        &format!("free: {}-{} ({})", BASE + 2, BASE + POOL - 1, POOL - 2),
    ] {
        assert!(stdout.iter().any(|line| line.starts_with(beginning)), "{beginning}: {stdout:#?}");
    }
    let foot = stdout.last().unwrap();
    assert!(foot.contains(concat!("stalls ", env!("CARGO_PKG_VERSION"), ", plan ")), "{foot}");
    assert!(foot.contains("source ok") && foot.ends_with(" running"), "{foot}");

    let mut watch = with(stage.launch(), &["status", "--watch"]).start();
    until("the ports are shown", || watch.log_texts().iter().any(|line| line.starts_with("free: "))).await;
    stage.change(|world| world.web().scale_to(3)).await;
    // It may be waiting in between.
    let grown = |line: &String| line.contains(" port 5002 ") && line.ends_with(" -> serving app-web-3");
    until("a line for the change", || watch.log_texts().iter().any(grown)).await;
    watch.kill().await;
}

#[tokio::test]
async fn a_real_instance_releases_a_port_that_is_held_and_no_other() {
    let mut stage = Stage::prepared(1).await.env("LINGER_MS", 3_600_000).started().await;
    let release = with(stage.launch(), &["release", "5000"]);
    let Ended { code, stdout, stderr } = run(&release).await;
    assert_eq!((code, stdout.len(), stderr.len()), (Some(1), 0, 1));
    assert!(stderr[0].starts_with("stalls release: ") && stderr[0].contains("5000"), "{stderr:?}");

    stage.change_lingering(|world| world.web().scale_to(0)).await;
    stage.line(LINGER).await;
    let Ended { code, stdout, .. } = run(&release).await;
    assert_eq!((code, &stdout[..]), (Some(0), &[r#"{"port":5000,"held":"lingering"}"#.to_owned()][..]));
    stage.expect_refused(BASE).await;
}

#[tokio::test]
async fn a_real_instance_cuts_the_connections_of_a_port_alone() {
    let stage = Stage::with_scale(2).await;
    shown(&stage, BASE + 1).await;
    let (mut cut, mut other) = (stage.hold(BASE).await, stage.hold(BASE + 1).await);
    let Ended { code, stdout, .. } = run(&with(stage.launch(), &["cut", "5000"])).await;
    assert_eq!((code, &stdout[..]), (Some(0), &[r#"{"port":5000,"connections":1}"#.to_owned()][..]));
    assert!(cut.ends_within(SOON).await);
    other.check().await.expect("the other port keeps its connection");
    stage.settled().await;
}

#[tokio::test]
async fn what_is_wrong_comes_first_and_then_the_other_ports() {
    let instance =
        FakeInstance::answering(vec![(200, document("a-1", "stale", &["serving", "lingering", "free"]))]);
    let Ended { code, stdout, stderr } = instance.run(&["status"]).await;
    assert_eq!((code, stderr.len()), (Some(0), 0));
    let beginnings =
        ["source is stale", "", "PORT", "5001  lingering", "5000  serving", "free: 5002 (1)", "2026-11-27"];
    for (line, beginning) in stdout.iter().zip(beginnings) {
        assert!(line.starts_with(beginning) && !line.contains('\u{1b}'), "{stdout:#?}");
    }
    assert_eq!(stdout.len(), beginnings.len());
    assert_eq!(instance.requests(), ["GET /v1/mapping HTTP/1.1"]);
}

#[tokio::test]
async fn as_json_it_is_the_document() {
    let document = document("a-1", "ok", &["serving"]);
    let instance = FakeInstance::answering(vec![(200, document.clone())]);
    let Ended { code, stdout, .. } = instance.run(&["status", "--json"]).await;
    assert_eq!((code, serde_json::from_str::<Value>(&stdout.concat()).unwrap()), (Some(0), document));
}

#[tokio::test]
async fn a_watch_that_no_terminal_sees_is_a_line_for_each_change() {
    let instance = FakeInstance::answering(vec![
        (200, document("a-1", "ok", &["serving", "free"])),
        (200, document("a-2", "ok", &["draining", "free"])),
        // After 30 s without a change.
        (200, document("a-2", "ok", &["draining", "free"])),
        (200, document("a-3", "stale", &["draining", "serving"])),
    ]);
    let mut stalls = with(&instance.launch, &["status", "--watch"]).start();
    until("all is asked", || instance.requests().len() == 5).await;
    stalls.signal(Signal::TERM);
    stalls.wait(SOON).await;
    let expected = [
        "2026-11-27 13:01:02 port 5000 serving app-web-5000 -> draining app-web-5000",
        "2026-11-27 13:01:02 source ok -> stale: unreachable",
        "2026-11-27 13:01:02 port 5001 free -> serving app-web-5001",
    ];
    let lines = stalls.log_texts();
    assert_eq!(lines[lines.len() - 3..], expected, "{lines:#?}");
    let waits: Vec<_> =
        ["a-1", "a-2", "a-2", "a-3"].map(|id| format!("GET /v1/mapping?wait={id} HTTP/1.1")).into();
    assert_eq!(instance.requests()[1..], waits);
}

#[tokio::test]
async fn an_instance_is_told_to_release_a_port_or_to_cut_it_and_may_refuse() {
    let instance =
        FakeInstance::answering(vec![(200, json!({})), (409, json!({"error": "port 5003 serves"}))]);
    let Ended { code, stderr, .. } = instance.run(&["release", "5003"]).await;
    assert_eq!((code, stderr.len()), (Some(0), 0));
    let Ended { code, stderr, .. } = instance.run(&["cut", "5003"]).await;
    assert_eq!((code, &stderr[..]), (Some(1), &["stalls cut: port 5003 serves".to_owned()][..]));
    let told = ["POST /v1/ports/5003/release HTTP/1.1", "POST /v1/ports/5003/cut HTTP/1.1"];
    assert_eq!(instance.requests(), told);
}

#[tokio::test]
async fn without_an_instance_each_of_them_says_so_and_needs_no_other_setting() {
    let alone = launch([127, 0, 0, 1].into(), "").without("SERVICE_NAME").env("BASE_PORT", "nonsense");
    for (arguments, name) in
        [(&["status"][..], "status"), (&["release", "1"], "release"), (&["cut", "1"], "cut")]
    {
        let Ended { code, stderr, .. } = run(&with(&alone, arguments)).await;
        assert_eq!((code, stderr.len()), (Some(1), 1), "{stderr:?}");
        assert!(
            stderr[0].starts_with(&format!("stalls {name}: no stalls instance answers at ")),
            "{stderr:?}"
        );
    }
}
