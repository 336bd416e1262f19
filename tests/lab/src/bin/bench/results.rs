//! Everything that was measured, as it goes into the JSON file.

use std::path::PathBuf;

use serde::Serialize;

use crate::measure::{Connections, Latency, Memory, Quantiles, UnderLoad, Upkeep};

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    /// What `haproxy -v` says first.
    pub(crate) haproxy: String,
    /// The size of the executable of stalls.
    pub(crate) stalls_bytes: u64,
    /// The changes before each of which a connection was opened that stayed, for the memory.
    pub(crate) pinning_changes: usize,
    /// Where the directories were that each way writes to.
    pub(crate) directories: PathBuf,
    /// The pools, ascending.
    pub(crate) pools: Vec<Pool>,
    /// The number of ports of the pool under load.
    pub(crate) load_ports: u16,
    /// That pool.
    pub(crate) load: PerWay<UnderLoad>,
}

/// One value for each way of driving HAProxy.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PerWay<T> {
    /// stalls with the built-in template.
    pub(crate) stalls: T,
    /// stalls with a template that asks for a handover each time.
    pub(crate) stalls_handover: T,
    /// As the original does it.
    pub(crate) original: T,
}

impl<T> PerWay<T> {
    /// From left to right.
    pub(crate) fn each(&self) -> [&T; 3] {
        [&self.stalls, &self.stalls_handover, &self.original]
    }
}

/// A pool of this many ports, each with a container.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pool {
    pub(crate) ports: u16,
    pub(crate) measured: PerWay<Measured>,
}

/// What one way does with one pool.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// From the start of the program to all ports serving.
    pub(crate) cold_start: Quantiles,
    /// Connections to the first port.
    pub(crate) first_port: Connections,
    /// Connections to the last port.
    pub(crate) last_port: Connections,
    pub(crate) latency: Latency,
    pub(crate) memory: Memory,
    /// What stalls itself costs, where there is one.
    pub(crate) upkeep: Option<Upkeep>,
}
