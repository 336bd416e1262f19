//! What a connection costs HAProxy.

use anyhow::ensure;
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use super::changes::until_one_process;
use crate::{client::misses, process::ThreadTimes, way::Pool};

/// How many clients connect at once.
const CLIENTS: u32 = 8;

/// All is measured several times, since others use the machine too; the median counts.
const ROUNDS: usize = 3;

/// Connections to one port, one after the other by each of a few clients.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Connections {
    /// How many.
    pub(crate) count: u32,
    pub(crate) per_second: f64,
    /// HAProxy's processor time for each.
    pub(crate) haproxy_cpu_us: f64,
}

impl Connections {
    /// The median of each figure.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<_> = rounds.iter().map(figure).collect();
            figures.sort_unstable_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        Self {
            count: rounds.iter().map(|round| round.count).sum(),
            per_second: median(|round| round.per_second),
            haproxy_cpu_us: median(|round| round.haproxy_cpu_us),
        }
    }
}

/// Connects to the port of the container with this index, `per_client` times with each client in each round.
pub(crate) async fn connections(
    pool: &impl Pool,
    index: u16,
    per_client: u32,
) -> anyhow::Result<Vec<Connections>> {
    until_one_process(pool).await;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(pool, index, per_client).await?);
    }
    Ok(rounds)
}

async fn round(pool: &impl Pool, index: u16, per_client: u32) -> anyhow::Result<Connections> {
    let (port, container, count) = (pool.site().listen(index), pool.address(index), per_client * CLIENTS);
    let pids = pool.haproxy_pids();
    let (before, begun) = (ThreadTimes::of(&pids), Instant::now());
    let clients: JoinSet<_> = (0..CLIENTS).map(|_| misses(port, container, per_client)).collect();
    let missed = clients.join_all().await.into_iter().sum::<anyhow::Result<u32>>()?;
    ensure!(missed == 0, "{missed} of {count} connections to {port} were lost");
    Ok(Connections {
        count,
        per_second: f64::from(count) / begun.elapsed().as_secs_f64(),
        haproxy_cpu_us: ThreadTimes::of(&pids).since(&before).as_secs_f64() * 1e6 / f64::from(count),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_each_figure_is_in_the_middle() {
        let round = |per_second, haproxy_cpu_us| Connections { count: 800, per_second, haproxy_cpu_us };
        let median = Connections::median(&[round(3.0, 7.0), round(1.0, 8.0), round(20.0, 9.0)]);
        assert_eq!((median.count, median.per_second, median.haproxy_cpu_us), (2400, 3.0, 8.0));
    }
}
