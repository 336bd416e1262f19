//! A client for the tests of the lab's servers: raw requests, raw answers.

use std::{io, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends a request, with these lines in its head.
pub(crate) async fn send(server: SocketAddr, target: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.expect("the server accepts");
    let request = format!("GET {target} HTTP/1.1\r\nHost: lab\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    stream
}

/// Everything that comes back until the connection ends, or why it broke.
pub(crate) async fn raw(server: SocketAddr, target: &str, headers: &str) -> io::Result<String> {
    let mut stream = send(server, target, &format!("Connection: close\r\n{headers}")).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map(|_| answer)
}

/// Status and body; a body that is not JSON is a string.
pub(crate) async fn get(server: SocketAddr, target: &str, headers: &str) -> (u16, Value) {
    let answer = raw(server, target, headers).await.expect("a whole answer");
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
