//! The API: what it says, to whom, and what it lets people do.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stalls_lab::{
    metadata::Fault,
    stalls::{Signal, messages::PLAN_APPLIED},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::harness::{BASE, POOL, SOON, Stage, until};

fn socket(stage: &Stage) -> PathBuf {
    stage.launch().run_dir().join("admin.sock")
}

/// The status, the head and the body of an answer on the socket.
async fn ask(stage: &Stage, method: &str, path: &str) -> (u16, String, Value) {
    let stream = UnixStream::connect(socket(stage)).await.expect("the socket is there");
    answer(stream, format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

async fn answer(
    mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin,
    request: String,
) -> (u16, String, Value) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
}

async fn mapping(stage: &Stage, query: &str) -> Value {
    let (status, _, body) = ask(stage, "GET", &format!("/v1/mapping{query}")).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// Asks until the document is as it should be.
async fn await_mapping(stage: &Stage, query: &str, is: impl Fn(&Value) -> bool) -> Value {
    timeout(SOON, async {
        let mut document = mapping(stage, query).await;
        while !is(&document) {
            let id = document["id"].as_str().unwrap().to_owned();
            let separator = if query.is_empty() { '?' } else { '&' };
            document = mapping(stage, &format!("{query}{separator}wait={id}")).await;
        }
        document
    })
    .await
    .expect("the document says so soon")
}

fn port(document: &Value, port: u16) -> &Value {
    document["ports"].as_array().unwrap().iter().find(|it| it["port"] == port).expect("it has the port")
}

fn all_in_force(document: &Value) -> bool {
    document["ports"].as_array().is_some_and(|ports| {
        !ports.is_empty()
            && ports.iter().all(|it| it["state"] != "waiting")
            && document["source"]["state"] == "ok"
    })
}

#[tokio::test]
async fn the_document_says_of_each_port_what_it_is_and_why() {
    let mut stage = Stage::prepared(3).await.started().await;
    let mut held = stage.hold(BASE).await;
    let document = await_mapping(&stage, "", all_in_force).await;
    assert_eq!(document["ports"].as_array().unwrap().len(), usize::from(POOL));
    let first = port(&document, BASE);
    assert_eq!((&first["state"], &first["kind"]), (&json!("serving"), &Value::Null));
    assert_eq!((&first["container"]["name"], &first["container"]["index"]), (&json!("app-web-1"), &json!(1)));
    assert_eq!(first["sessions"], 1);
    assert!(first["last_used"].as_str().is_some(), "{first}");
    let free = port(&document, BASE + 3);
    assert_eq!((&free["state"], &free["kind"]), (&json!("free"), &json!("no_container")));
    assert_eq!((&free["sessions"], &free["last_used"]), (&json!(0), &Value::Null));
    assert!(free["reason"].as_str().unwrap().contains("the index 4"), "{free}");
    assert_eq!(document["haproxy"]["state"], "running");
    assert_eq!(document["haproxy"]["pid"], stage.haproxy().await);

    // The hash is what anybody can compute of the document.
    let lines: String = document["ports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| !it["container"].is_null())
        .fold(String::new(), |all, it| {
            format!("{all}{} {}\n", it["port"], it["container"]["uuid"].as_str().unwrap())
        });
    let hash: String = Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(document["hash"], hash);

    // Filters.
    assert_eq!(mapping(&stage, "?state=serving").await["ports"].as_array().unwrap().len(), 3);
    let one = mapping(&stage, &format!("?port={BASE}&service=web")).await;
    assert_eq!(one["ports"].as_array().unwrap().len(), 1);
    assert_eq!(one["ports"][0]["sessions"], 1);
    assert_eq!(mapping(&stage, "?service=nobody").await["ports"], json!([]));
    assert_eq!(held.check().await, Ok(()));
    drop(held);
    stage.end().await;
}

#[tokio::test]
async fn a_port_that_lost_its_container_drains_until_its_last_connection_ends() {
    let mut stage = Stage::prepared(3).await.env("ON_LEAVE", "drain").started().await;
    let held = stage.hold(BASE + 2).await;
    stage.change(|world| world.web().scale_to(2)).await;
    let is = |state: &'static str| move |document: &Value| port(document, BASE + 2)["state"] == state;
    let document = await_mapping(&stage, "", is("draining")).await;
    assert_eq!(port(&document, BASE + 2)["kind"], "draining");
    drop(held);
    let document = await_mapping(&stage, "", is("reserved")).await;
    assert!(port(&document, BASE + 2)["reason"].as_str().unwrap().contains("stalls release"), "{document}");
    stage.end().await;
}

#[tokio::test]
async fn a_source_that_fails_is_stale_with_the_reason_and_the_ports_serve_on() {
    let mut stage = Stage::prepared(2).await.started().await;
    stage.server.fault(Fault::InternalError).await;
    let document = await_mapping(&stage, "", |it| it["source"]["fault"] == "status").await;
    assert_eq!(document["source"]["state"], "stale");
    assert!(document["source"]["reason"].as_str().unwrap().contains("500"), "{document}");
    assert_eq!(port(&document, BASE)["state"], "serving");
    stage.end().await;
}

#[tokio::test]
async fn waiting_ends_with_the_change_that_is_waited_for() {
    let mut stage = Stage::prepared(2).await.started().await;
    let document = await_mapping(&stage, "", all_in_force).await;
    let revision = document["revision"].as_u64().unwrap();
    let query = format!("?wait={revision}");
    let (later, ()) = tokio::join!(mapping(&stage, &query), async {
        stage.server.change(|world| world.web().scale_to(3));
    });
    assert!(later["revision"].as_u64().unwrap() > revision);
    stage.end().await;
}

/// A stream of events.
struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    async fn open(stage: &Stage, last_id: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(stage.address(8405)).await.unwrap();
        let last = last_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream).lines())
    }

    /// The next event: its name, its id, its data.
    async fn next(&mut self) -> (String, String, Value) {
        let mut fields = BTreeMap::new();
        timeout(SOON, async {
            while let Some(line) = self.0.next_line().await.unwrap() {
                match line.split_once(": ") {
                    Some((name, value)) if ["event", "id", "data"].contains(&name) => {
                        fields.insert(name.to_owned(), value.to_owned());
                    }
                    None if line.is_empty() && fields.contains_key("data") => break,
                    _ => {}
                }
            }
        })
        .await
        .expect("an event comes soon");
        let [event, id, data] = ["event", "id", "data"].map(|name| fields.remove(name).expect(name));
        (event, id, serde_json::from_str(&data).unwrap())
    }
}

#[tokio::test]
async fn a_stream_begins_with_a_snapshot_and_goes_on_with_what_differs() {
    let stage = Stage::prepared(2).await;
    let admin = stage.address(8405);
    let mut stage = stage.env("ADMIN_LISTEN", admin).started().await;
    await_mapping(&stage, "", all_in_force).await;
    let mut events = Events::open(&stage, None).await;
    let (name, first, snapshot) = events.next().await;
    assert_eq!((name.as_str(), &snapshot["id"]), ("snapshot", &json!(first)));
    assert_eq!(snapshot["ports"].as_array().unwrap().len(), usize::from(POOL));
    stage.change(|world| world.web().scale_to(3)).await;
    let mut differing = Vec::new();
    while !differing.iter().any(|it: &Value| it["port"] == BASE + 2 && it["state"] == "serving") {
        let (name, _, change) = events.next().await;
        assert_eq!(name, "change");
        differing.extend(change["ports"].as_array().unwrap().clone());
    }
    assert!(differing.iter().all(|it| it["port"] == BASE + 2), "{differing:?}");

    // One that comes back gets what it has missed; one of another instance, all.
    let (name, ..) = Events::open(&stage, Some(&first)).await.next().await;
    assert_eq!(name, "change");
    let (name, ..) = Events::open(&stage, Some("00000000-1")).await.next().await;
    assert_eq!(name, "snapshot");
    let changes = ask(&stage, "GET", "/v1/changes").await.2;
    assert_eq!(changes["changes"][0]["port"], BASE + 2);
    // Open streams keep nothing from ending.
    stage.end().await;
}

#[tokio::test]
async fn a_name_that_is_not_this_hosts_is_refused_with_what_would_do() {
    let stage = Stage::prepared(1).await;
    let admin = stage.address(8405);
    let mut stage = stage.env("ADMIN_LISTEN", admin).env("ADMIN_HOSTS", "stalls.example").started().await;
    let get = |host: &'static str| async move {
        let stream = TcpStream::connect(admin).await.unwrap();
        answer(stream, format!("GET /v1/config HTTP/1.1\r\nHost: {host}\r\n\r\n")).await
    };
    for host in ["localhost:8405", "127.0.0.1", "[::1]:80", "stalls.example"] {
        assert_eq!(get(host).await.0, 200, "{host}");
    }
    let (status, head, body) = get("evil.example").await;
    assert_eq!(status, 403);
    assert!(body["error"].as_str().unwrap().contains("ADMIN_HOSTS"), "{body}");
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    stage.end().await;
}

#[tokio::test]
async fn wrong_requests_get_an_error_that_says_what_would_do() {
    let mut stage = Stage::prepared(1).await.started().await;
    for (method, path, status, hint) in [
        ("GET", "/v1/nothing", 404, "/v1/openapi.json"),
        ("POST", "/v1/mapping", 405, "GET"),
        ("GET", "/v1/ports/5000/cut", 405, "POST"),
        ("GET", "/v1/mapping?state=odd", 400, "serving"),
        ("GET", "/v1/mapping?prot=5000", 400, "port"),
        ("GET", "/v1/mapping?wait=soon", 400, "revision"),
        ("POST", "/v1/ports/1/cut", 409, "does not have port 1"),
        ("POST", "/v1/ports/5001/release", 409, "nothing holds"),
    ] {
        let (got, head, body) = ask(&stage, method, path).await;
        assert_eq!(got, status, "{method} {path}");
        assert!(body["error"].as_str().unwrap().contains(hint), "{method} {path}: {body}");
        assert_eq!(head.contains("\r\nallow: "), status == 405, "{head}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_person_may_release_a_port_and_cut_its_connections() {
    let mut stage = Stage::prepared(2).await.started().await;
    await_mapping(&stage, "", all_in_force).await;
    let mut held = [stage.hold(BASE).await, stage.hold(BASE + 1).await];
    let (status, _, body) = ask(&stage, "POST", &format!("/v1/ports/{BASE}/cut")).await;
    assert_eq!((status, &body["connections"]), (200, &json!(1)));
    until("the end of the connection", || stage.lines("connections cut by a person").len() == 1).await;
    let [cut, other] = &mut held;
    timeout(SOON, async { while cut.check().await.is_ok() {} }).await.expect("it is cut");
    assert_eq!(other.check().await, Ok(()));
    let first = stage.uuid(1);
    stage.expect_port(BASE, &first).await;

    stage.change(|world| world.web().scale_to(1)).await;
    await_mapping(&stage, "", |it| port(it, BASE + 1)["state"] == "reserved").await;
    let (status, _, body) = ask(&stage, "POST", &format!("/v1/ports/{}/release", BASE + 1)).await;
    assert_eq!((status, &body["held"]), (200, &json!("reserved")));
    await_mapping(&stage, "", |it| port(it, BASE + 1)["state"] == "free").await;
    let released = stage.line("port released by a person").await;
    assert_eq!((&released["port"], &released["uid"]), (&json!(BASE + 1), &json!(0)));
    stage.end().await;
}

#[tokio::test]
async fn steering_is_on_the_socket_alone() {
    let stage = Stage::prepared(1).await;
    let admin = stage.address(8405);
    let mut stage = stage.env("ADMIN_LISTEN", admin).started().await;
    for what in ["release", "cut"] {
        let stream = TcpStream::connect(admin).await.unwrap();
        let request = format!("POST /v1/ports/{BASE}/{what} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(answer(stream, request).await.0, 404);
    }
    stage.end().await;
}

#[tokio::test]
async fn the_settings_are_shown_as_they_are_in_effect() {
    let mut stage = Stage::prepared(1).await.started().await;
    let (_, _, config) = ask(&stage, "GET", "/v1/config").await;
    let of = |name: &str| {
        config["settings"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!((&of("BASE_PORT")["value"], &of("BASE_PORT")["source"]), (&json!("5000"), &json!("given")));
    assert_eq!(of("RECONCILE_INTERVAL_MS")["source"], "default");
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_is_away_makes_its_ports_wait() {
    let mut stage = Stage::prepared(2).await.started().await;
    await_mapping(&stage, "", all_in_force).await;
    let before = stage.haproxy().await;
    stage.stalls().signal_haproxy(Signal::KILL);
    let document =
        await_mapping(&stage, "", |it| all_in_force(it) && it["haproxy"]["pid"] != json!(before)).await;
    assert_eq!(port(&document, BASE)["state"], "serving");
    stage.expect_lines(PLAN_APPLIED, 2).await;
    stage.end().await;
}
