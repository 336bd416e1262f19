//! What HAProxy's processes take when connections outlive changes.

use anyhow::anyhow;
use serde::Serialize;
use stalls_lab::client::Held;

use super::latency::{nth_index, replace};
use crate::{process, way::Way};

/// The memory of HAProxy.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Of a single process, before the first change.
    pub(crate) bytes_before: u64,
    /// Of all processes, after the last change.
    pub(crate) bytes: u64,
    /// How many processes these are.
    pub(crate) processes: usize,
}

/// Replaces containers, and before each opens a connection on the first port, which stays.
pub(crate) async fn memory(way: &mut impl Way, changes: usize) -> anyhow::Result<Memory> {
    super::latency::until_one_process(way).await;
    let sum = |pids: &[u32]| pids.iter().map(|pid| process::memory(*pid)).sum();
    let bytes_before = sum(&way.haproxy_pids());
    let pinned = way.site().listen(1);
    let mut held = Vec::new();
    for n in 0..changes {
        held.push(Held::connect(pinned).await.map_err(|error| anyhow!("{pinned}: {error}"))?);
        replace(way, nth_index(n, 2, way.site().ports)).await?;
        way.settle().await?;
    }
    let pids = way.haproxy_pids();
    Ok(Memory { bytes_before, bytes: sum(&pids), processes: pids.len() })
}
