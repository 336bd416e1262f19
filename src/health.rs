//! `stalls health`: asks the stalls that runs whether it is well.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Context;
use awc::Client;
use tokio::time::timeout;

use crate::{exit::Exit, printable::Printable};

/// Within the 5 s that the image's health check gives it.
const LIMIT: Duration = Duration::from_secs(3);
/// An answer has some hundred bytes, and a few more for each run of ports that is held.
const MOST_BYTES: usize = 1 << 20;

/// Prints what the admin `address` answers.
pub(crate) fn run(address: SocketAddr) -> Exit {
    let asked = actix_rt::System::new().block_on(async {
        timeout(LIMIT, ask(address))
            .await
            .with_context(|| format!("no answer within {} s", LIMIT.as_secs()))?
    });
    match asked.with_context(|| format!("stalls cannot be asked at {address} (ADMIN_LISTEN)")) {
        Ok((is_well, answer)) => {
            let _ = writeln!(io::stdout(), "{}", Printable(&answer));
            if is_well { Exit::Ok } else { Exit::Unhealthy }
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
    let body = response.body().limit(MOST_BYTES).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((response.status().is_success(), String::from_utf8_lossy(&body).into_owned()))
}
