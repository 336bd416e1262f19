//! What a connection costs HAProxy.

use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;
use tokio::{time::Instant, try_join};

use super::latency::until_one_process;
use crate::{client::misses, process, way::Way};

/// Connections that are not measured, before those that are.
const WARM_UP: u32 = 50;

/// Connections to one port, one after the other by each of two clients.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Connections {
    /// How many.
    pub(crate) count: u32,
    pub(crate) per_second: f64,
    /// HAProxy's processor time for each.
    pub(crate) haproxy_cpu_us: f64,
}

/// Connects to the port of the container with this index.
pub(crate) async fn connections(way: &impl Way, index: u16, count: u32) -> anyhow::Result<Connections> {
    until_one_process(way).await;
    let (port, container) = (way.site().listen(index), way.address(index));
    misses(port, container, WARM_UP).await?;
    let cpu = || way.haproxy_pids().into_iter().map(process::cpu_of_threads).sum::<Duration>();
    let (cpu_before, begun) = (cpu(), Instant::now());
    let client = || misses(port, container, count / 2);
    let missed = try_join!(client(), client())?;
    let (took, cpu_taken) = (begun.elapsed(), cpu().saturating_sub(cpu_before));
    ensure!(missed == (0, 0), "of {count} connections to {port} {missed:?} were lost");
    Ok(Connections {
        count,
        per_second: f64::from(count) / took.as_secs_f64(),
        haproxy_cpu_us: cpu_taken.as_secs_f64() * 1e6 / f64::from(count),
    })
}
