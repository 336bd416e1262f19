//! The server as a client meets it.

mod faults;
mod lists;
mod samples;
mod watches;

use std::{net::Ipv4Addr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
};

use super::*;
use crate::{addresses::AddressPool, http::client};

const SOON: Duration = Duration::from_secs(5);
const PODS: &str = "/api/v1/namespaces/games/pods";
const AUTHORIZED: &str = "Authorization: Bearer token-of-the-lab\r\n";

/// Three pods of the StatefulSet `games/web`.
async fn start() -> KubernetesServer {
    start_with(|_| {}).await
}

async fn start_with(adjust: impl FnOnce(&mut KubernetesOptions)) -> KubernetesServer {
    let mut world = World::new(AddressPool::new(Ipv4Addr::new(127, 0, 1, 1), 240));
    world.stateful_set("games", "web").scale_to(3);
    let mut options = KubernetesOptions::new(world);
    adjust(&mut options);
    KubernetesServer::start(options).await
}

/// Status and document.
async fn get(server: &KubernetesServer, target: &str) -> (u16, Value) {
    client::get(server.address(), target, AUTHORIZED).await
}

/// The version of the newest list.
async fn version(server: &KubernetesServer) -> String {
    let (_, list) = get(server, PODS).await;
    list["metadata"]["resourceVersion"].as_str().expect("each list has one").to_owned()
}

/// A watch that the server answers.
struct Watching(BufReader<TcpStream>);

impl Watching {
    async fn from(server: &KubernetesServer, version: &str, more: &str) -> Self {
        Self::at(server, &format!("{PODS}?watch=1&resourceVersion={version}{more}")).await
    }

    async fn at(server: &KubernetesServer, target: &str) -> Self {
        let mut stream = BufReader::new(client::send(server.address(), target, AUTHORIZED).await);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_until(b'\n', &mut head).await.expect("a head"), 0, "a head");
        }
        let head = String::from_utf8(head).expect("text");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("chunked"), "{head}");
        Self(stream)
    }

    /// The next line; `None` at the end in good order. The error is what came before the connection ended.
    async fn line(&mut self) -> Result<Option<String>, String> {
        let mut length = String::new();
        let _ = self.0.read_line(&mut length).await;
        let Ok(length) = usize::from_str_radix(length.trim(), 16) else { return Err(length) };
        let mut chunk = vec![0; length + 2];
        self.0.read_exact(&mut chunk).await.expect("a whole chunk");
        let text = String::from_utf8(chunk).expect("text").trim_end_matches("\r\n").to_owned();
        match text.strip_suffix('\n') {
            Some(line) => Ok(Some(line.to_owned())),
            None if text.is_empty() => Ok(None),
            None => Err(text),
        }
    }

    async fn event(&mut self) -> Value {
        let line = self.line().await.expect("it goes on").expect("it goes on");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Kind, name and version of the next event.
    async fn told(&mut self) -> (String, String, u64) {
        let event = self.event().await;
        let metadata = &event["object"]["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = text(&metadata["resourceVersion"]).parse().expect("a version");
        (text(&event["type"]), text(&metadata["name"]), version)
    }
}

fn told(kind: &str, name: &str, version: u64) -> (String, String, u64) {
    (kind.to_owned(), name.to_owned(), version)
}
