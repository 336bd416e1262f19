//! What a connection costs HAProxy.

use anyhow::ensure;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use super::changes::until_one_process;
use crate::{client::misses, process::ThreadTimes, way::Way};

/// How many clients connect at once.
const CLIENTS: u32 = 8;

/// All is measured several times, since others use the machine too; the median counts.
const ROUNDS: usize = 5;

/// Connections to one port, one after the other by each of a few clients.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Connections {
    /// How many.
    pub(crate) count: u32,
    pub(crate) per_second: f64,
    /// HAProxy's processor time for each.
    pub(crate) haproxy_cpu_us: f64,
}

/// Connects to the port of the container with this index, `per_client` times with each client in each round.
pub(crate) async fn connections(way: &impl Way, index: u16, per_client: u32) -> anyhow::Result<Connections> {
    until_one_process(way).await;
    let pids = way.haproxy_pids();
    let (port, container) = (way.site().listen(index), way.address(index));
    let round = f64::from(per_client * CLIENTS);
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (before, begun) = (ThreadTimes::of(&pids), Instant::now());
        let clients: JoinSet<_> = (0..CLIENTS).map(|_| misses(port, container, per_client)).collect();
        let missed = clients.join_all().await.into_iter().sum::<anyhow::Result<u32>>()?;
        ensure!(missed == 0, "{missed} of {round} connections to {port} were lost");
        rates.push(round / begun.elapsed().as_secs_f64());
        costs.push(ThreadTimes::of(&pids).since(&before).as_secs_f64() * 1e6 / round);
    }
    let count = per_client * CLIENTS * ROUNDS as u32;
    Ok(Connections { count, per_second: median(rates), haproxy_cpu_us: median(costs) })
}

fn median(mut measured: Vec<f64>) -> f64 {
    measured.sort_unstable_by(f64::total_cmp);
    measured.get(measured.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 20.0]), 3.0);
    }
}
