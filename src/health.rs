//! `stalls health`: asks the instance on this host whether it is healthy.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Context;
use awc::Client;
use tokio::time::timeout;

use crate::{exit::Exit, printable::Printable};

/// Below the 5 s after which the image's health check gives up.
const LIMIT: Duration = Duration::from_secs(3);
/// A response has some hundred bytes, and a few more for each run of lingering ports.
const MAX_BYTES: usize = 1 << 20;

/// Prints the response of the admin `address`.
pub(crate) fn run(address: SocketAddr) -> Exit {
    let response = actix_rt::System::new().block_on(async {
        timeout(LIMIT, ask(address))
            .await
            .with_context(|| format!("no response within {} s", LIMIT.as_secs()))?
    });
    match response.with_context(|| format!("cannot query stalls at {address} (ADMIN_LISTEN)")) {
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

async fn ask(address: SocketAddr) -> anyhow::Result<(bool, String)> {
    let client = Client::builder().timeout(LIMIT).disable_redirects().finish();
    let sent = client.get(format!("http://{address}/healthz")).send().await;
    let mut response = sent.map_err(|error| anyhow::anyhow!("{error}"))?;
    let body = response.body().limit(MAX_BYTES).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((response.status().is_success(), String::from_utf8_lossy(&body).into_owned()))
}
