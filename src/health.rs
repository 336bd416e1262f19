//! `stalls health`: asks the instance whose `RUN_DIR` it is whether it is healthy, and no other: what answers at an
//! address of the host may be another one.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::{admin, exit::Exit, printable::Printable};

/// Below the 5 s after which the image's health check gives up.
const LIMIT: Duration = Duration::from_secs(3);
/// A response has some hundred bytes, and a few more for each run of lingering ports.
const MAX_BYTES: u64 = 1 << 20;
/// The server closes the connection after the response.
const REQUEST: &str = "GET /healthz HTTP/1.1\r\nHost: stalls\r\nConnection: close\r\n\r\n";

/// Prints the response of the instance.
pub(crate) fn run(run_dir: &Path) -> Exit {
    let socket = admin::socket_in(run_dir);
    let response = actix_rt::System::new().block_on(async {
        timeout(LIMIT, ask(&socket))
            .await
            .with_context(|| format!("no response within {} s", LIMIT.as_secs()))?
    });
    match response.with_context(|| format!("no stalls instance answers at {} (RUN_DIR)", socket.display())) {
        Ok((is_healthy, response)) => {
            let _ = writeln!(io::stdout(), "{}", Printable(&response));
            if is_healthy { Exit::Ok } else { Exit::Unhealthy }
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "stalls health: {}", Printable(&format!("{error:#}")));
            Exit::Unhealthy
        }
    }
}

async fn ask(socket: &Path) -> anyhow::Result<(bool, String)> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(REQUEST.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut response).await?;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").context("the response has no end")?;
    Ok((head.split(' ').nth(1) == Some("200"), body.to_owned()))
}
