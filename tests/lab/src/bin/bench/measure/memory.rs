//! What HAProxy's processes take when connections outlive changes.

use std::{net::SocketAddr, time::Duration};

use anyhow::{anyhow, ensure};
use serde::Serialize;
use stalls_lab::client::{ConnectError, Held, await_landing};
use tokio::time::Instant;

use super::changes::{nth_index, until_one_process};
use crate::{process, way::Way};

/// The memory of HAProxy.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Of the single process, after some connections and before the first change.
    pub(crate) bytes_before: u64,
    /// Of all processes, after the last change.
    pub(crate) bytes: u64,
    /// How many processes these are.
    pub(crate) processes: usize,
}

/// How long a change may take to arrive. HAProxy 2.6 keeps the listening sockets of a process that drains in
/// its epoll set: each of those that are kept is woken by each new connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Replaces containers, and before each opens a connection on the first port, which stays.
pub(crate) async fn memory(way: &mut impl Way, changes: usize) -> anyhow::Result<Memory> {
    until_one_process(way).await;
    let sum = |pids: &[u32]| pids.iter().map(|pid| process::memory(*pid)).sum();
    let pids = way.haproxy_pids();
    ensure!(pids.len() == 1, "there are {} HAProxy processes before the first change", pids.len());
    let bytes_before = sum(&pids);
    let pinned = way.site().listen(1);
    let mut held = Vec::new();
    for n in 0..changes {
        held.push(hold(pinned).await.map_err(|error| anyhow!("{pinned}: {error}"))?);
        let index = nth_index(n, 2, way.site().ports);
        let change = way.replace(index).await?;
        await_landing(way.site().listen(index), &change.address.to_string(), PATIENCE).await?;
        way.settle().await?;
    }
    let pids = way.haproxy_pids();
    Ok(Memory { bytes_before, bytes: sum(&pids), processes: pids.len() })
}

/// Opens a connection; a slow one is tried again, since it is not what is measured here.
async fn hold(port: SocketAddr) -> Result<Held, ConnectError> {
    let begun = Instant::now();
    loop {
        match Held::connect(port).await {
            Err(ConnectError::TimedOut) if begun.elapsed() < PATIENCE => {}
            held => return held,
        }
    }
}
