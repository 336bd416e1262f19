//! How often everything is repeated.

use std::time::Duration;

use tokio::time::Instant;

/// The sizes of pools, and the repetitions at each of them.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// Numbers of ports.
    pub(crate) sizes: Vec<u16>,
    /// The turns of each column, each with a start of its own.
    pub(crate) turns: usize,
    /// Connections by each client in each round to the first port, and as many to the last.
    pub(crate) connections: u32,
    /// Changes in each turn of stalls whose latency is measured.
    pub(crate) changes: Limit,
    /// Those changes in the other ways.
    pub(crate) changes_of_others: Limit,
    /// Changes in the last turn with a connection opened before each that stays open.
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

/// So many, or as many as can be had in this time, but some in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    count: usize,
    time: Duration,
    at_least: usize,
}

impl Limit {
    const fn new(count: usize, seconds: u64) -> Self {
        Self { count, time: Duration::from_secs(seconds), at_least: 1 }
    }

    const fn at_least(self, at_least: usize) -> Self {
        Self { at_least, ..self }
    }

    /// Whether these are enough, of which the first was begun then.
    pub(crate) fn is_reached(&self, count: usize, begun: Instant) -> bool {
        count >= self.count || (count >= self.at_least && begun.elapsed() >= self.time)
    }
}

impl Effort {
    /// The largest number of ports that a pool has.
    pub(crate) fn max_ports(&self) -> u16 {
        self.sizes.iter().copied().fold(self.load_ports, u16::max)
    }

    /// Numbers that are worth being compared, in about ten minutes.
    pub(crate) fn full() -> Self {
        Self {
            sizes: vec![3, 200, 1000, 5000],
            turns: 5,
            connections: 250,
            changes: Limit::new(12, 4).at_least(4),
            changes_of_others: Limit::new(12, 2),
            pinning_changes: 20,
            idle: Duration::from_secs(10),
            load_ports: 200,
            load_changes: Limit::new(1000, 180),
            load_changes_of_others: Limit::new(1000, 30),
        }
    }

    /// Just enough to see that everything can be measured.
    pub(crate) fn quick() -> Self {
        Self {
            sizes: vec![3, 200],
            turns: 1,
            connections: 10,
            changes: Limit::new(5, 3),
            changes_of_others: Limit::new(5, 3),
            pinning_changes: 3,
            idle: Duration::from_secs(1),
            load_ports: 200,
            load_changes: Limit::new(10, 3),
            load_changes_of_others: Limit::new(10, 3),
        }
    }
}
