//! Everything that was measured, as it goes into the JSON file.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    client::Lost,
    column::PerColumn,
    measure::{Connections, Latencies, Memory, Quantiles, UnderLoad, Upkeep},
    turn::Turn,
    way::Done,
};

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
    pub(crate) load: PerColumn<UnderLoad>,
}

/// A pool of this many ports, each with a container.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pool {
    pub(crate) ports: u16,
    pub(crate) measured: PerColumn<Measured>,
}

/// What one column does with one pool, in all its turns.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// From the start of the program to all ports serving.
    pub(crate) cold_start: Option<Quantiles>,
    /// Connections to the first port.
    pub(crate) first_port: Connections,
    /// Connections to the last port.
    pub(crate) last_port: Connections,
    /// `None` for HAProxy alone.
    pub(crate) latency: Option<Latency>,
    pub(crate) memory: Option<Memory>,
    /// What stalls itself costs, where there is one.
    pub(crate) upkeep: Option<Upkeep>,
}

/// How soon changes arrive.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Latency {
    /// From the change to a first connection that led to the new container.
    pub(crate) total: Quantiles,
    /// What of it came after the metadata had been fetched and parsed; `None` where that is not known.
    pub(crate) above_fetching: Option<Quantiles>,
    /// Connections that led nowhere while their port changed.
    pub(crate) lost: Lost,
    /// What was done.
    pub(crate) done: Done,
}

impl Measured {
    /// The sum of these turns.
    pub(crate) fn of(turns: &[Turn]) -> Self {
        let all = |of: fn(&Turn) -> &Vec<Connections>| {
            Connections::median(&turns.iter().flat_map(of).copied().collect::<Vec<_>>())
        };
        Self {
            cold_start: Quantiles::of(turns.iter().map(|turn| turn.cold_start).collect()),
            first_port: all(|turn| &turn.first_port),
            last_port: all(|turn| &turn.last_port),
            latency: Latency::of(turns.iter().filter_map(|turn| turn.latencies.clone())),
            memory: turns.iter().find_map(|turn| turn.memory),
            upkeep: turns.iter().find_map(|turn| turn.upkeep),
        }
    }
}

impl Latency {
    /// `None` when no change was measured.
    fn of(turns: impl Iterator<Item = Latencies>) -> Option<Self> {
        let mut all = Latencies::default();
        for turn in turns {
            all.total.extend(turn.total);
            all.above_fetching.extend(turn.above_fetching);
            all.lost += turn.lost;
            all.done += turn.done;
        }
        Some(Self {
            total: Quantiles::of(all.total)?,
            above_fetching: Quantiles::of(all.above_fetching),
            lost: all.lost,
            done: all.done,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn turn(cold_start_ms: u64, latencies: Option<Latencies>) -> Turn {
        let connections = |haproxy_cpu_us| Connections { count: 8, per_second: 1.0, haproxy_cpu_us };
        let rounds = vec![connections(cold_start_ms as f64)];
        Turn {
            cold_start: Duration::from_millis(cold_start_ms),
            first_port: rounds.clone(),
            last_port: rounds,
            latencies,
            memory: None,
            upkeep: None,
        }
    }

    #[test]
    fn all_turns_count() {
        let made = |ms: u64| Latencies {
            total: vec![Duration::from_millis(ms)],
            done: Done { haproxy_processes: 1, steps: [("reload".to_owned(), 1)].into() },
            ..Latencies::default()
        };
        let all = Measured::of(&[turn(30, Some(made(5))), turn(10, Some(made(7))), turn(20, Some(made(6)))]);
        assert_eq!(all.cold_start.map(|quantiles| quantiles.median_ms), Some(20.0));
        assert_eq!((all.first_port.count, all.first_port.haproxy_cpu_us), (24, 20.0));
        let latency = all.latency.unwrap();
        assert_eq!((latency.total.count, latency.total.median_ms), (3, 6.0));
        assert_eq!(latency.done, Done { haproxy_processes: 3, steps: [("reload".to_owned(), 3)].into() });
    }

    #[test]
    fn haproxy_alone_has_no_latency() {
        assert!(Measured::of(&[turn(30, None)]).latency.is_none());
    }
}
