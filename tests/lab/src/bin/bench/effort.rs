//! How often everything is repeated.

use std::time::Duration;

/// The sizes of pools, and the repetitions at each of them.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// Numbers of ports.
    pub(crate) sizes: Vec<u16>,
    /// Starts, each of something new.
    pub(crate) cold_starts: usize,
    /// Connections by each client in each round to the first port, and as many to the last.
    pub(crate) connections: u32,
    /// Changes whose latency is measured.
    pub(crate) changes: Limit,
    /// Changes with a connection opened before each that stays open.
    pub(crate) pinning_changes: usize,
    /// How long stalls is watched while nothing changes.
    pub(crate) idle: Duration,
    /// The number of ports of the pool that is put under load.
    pub(crate) load_ports: u16,
    /// Changes by stalls under load.
    pub(crate) load_changes: Limit,
    /// Changes in the other ways under load.
    pub(crate) load_changes_of_others: Limit,
}

/// So many, or as many as can be had in this time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) count: usize,
    pub(crate) time: Duration,
}

impl Limit {
    const fn new(count: usize, seconds: u64) -> Self {
        Self { count, time: Duration::from_secs(seconds) }
    }
}

impl Effort {
    /// Numbers that are worth being compared, in about six minutes.
    pub(crate) fn full() -> Self {
        Self {
            sizes: vec![3, 200, 1000, 5000],
            cold_starts: 3,
            connections: 100,
            changes: Limit::new(60, 8),
            pinning_changes: 20,
            idle: Duration::from_secs(10),
            load_ports: 200,
            load_changes: Limit::new(1000, 120),
            load_changes_of_others: Limit::new(1000, 30),
        }
    }

    /// Just enough to see that everything can be measured.
    pub(crate) fn quick() -> Self {
        Self {
            sizes: vec![3, 200],
            cold_starts: 1,
            connections: 10,
            changes: Limit::new(5, 3),
            pinning_changes: 3,
            idle: Duration::from_secs(1),
            load_ports: 200,
            load_changes: Limit::new(10, 3),
            load_changes_of_others: Limit::new(10, 3),
        }
    }
}
