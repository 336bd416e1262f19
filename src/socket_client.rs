//! Asks the instance whose `RUN_DIR` it is, over its socket, and no other: what answers at an address of the host may be
//! another one.

use std::{path::Path, time::Duration};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::admin;

/// 65535 ports have some 25 MB.
const MAX_BYTES: u64 = 64 << 20;

/// What the instance says.
#[derive(Debug)]
pub(crate) struct Response {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// JSON.
    pub(crate) body: String,
}

/// Sends a request, such as `GET /healthz`, and waits for the response.
///
/// # Errors
/// No response within `limit`, or none that can be read; the text names the socket.
pub(crate) async fn request(run_dir: &Path, request: &str, limit: Duration) -> anyhow::Result<Response> {
    let socket = admin::socket_in(run_dir);
    let response = timeout(limit, exchange(&socket, request)).await;
    response
        .with_context(|| format!("no response within {} s", limit.as_secs()))
        .flatten()
        .with_context(|| format!("no stalls instance answers at {} (RUN_DIR)", socket.display()))
}

/// The server closes the connection after the response.
async fn exchange(socket: &Path, request: &str) -> anyhow::Result<Response> {
    let mut stream = UnixStream::connect(socket).await?;
    let head =
        format!("{request} HTTP/1.1\r\nHost: stalls\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut response).await?;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").context("the response has no end")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Response { status: status.context("the response has no status")?, body: body.to_owned() })
}
