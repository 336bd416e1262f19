//! What stalls itself costs.

use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::changes::until_one_process;
use crate::{
    process::{self, ThreadTimes},
    way::Way,
};

/// The memory and the processor time of stalls.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Upkeep {
    /// Resident memory at the end.
    pub(crate) resident_bytes: u64,
    /// The peak of the resident memory.
    pub(crate) peak_resident_bytes: u64,
    /// Processor time since its start.
    pub(crate) cpu_ms: f64,
    /// Processor time while nothing changed.
    pub(crate) idle_cpu_ms: f64,
    /// How long that was.
    pub(crate) idle_seconds: f64,
}

/// Watches stalls while nothing changes; `None` where something else drives HAProxy.
pub(crate) async fn upkeep(way: &impl Way, idle: Duration) -> Option<Upkeep> {
    let pid = way.driver()?;
    until_one_process(way).await;
    let before = ThreadTimes::of(&[pid]);
    sleep(idle).await;
    let idle_cpu = ThreadTimes::of(&[pid]).since(&before);
    Some(Upkeep {
        resident_bytes: process::resident(pid),
        peak_resident_bytes: process::peak_resident(pid),
        cpu_ms: process::cpu(pid).as_secs_f64() * 1000.0,
        idle_cpu_ms: idle_cpu.as_secs_f64() * 1000.0,
        idle_seconds: idle.as_secs_f64(),
    })
}
