//! From a change of the world to its port serving.

use std::time::Duration;

use tokio::time::Instant;

use super::changes::{nth_index, replace, until_one_process};
use crate::{
    client::Lost,
    effort::Limit,
    way::{Done, Way},
};

/// How soon changes took effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    /// From each change to a first connection that led to the new container.
    pub(crate) total: Vec<Duration>,
    /// What of it came after the metadata had been fetched and parsed, where that is known.
    pub(crate) above_fetching: Vec<Duration>,
    /// Connections that led nowhere while their port changed.
    pub(crate) lost: Lost,
    /// What was done.
    pub(crate) done: Done,
}

/// Replaces one container after the other, and nothing else at the same time.
pub(crate) async fn latencies(way: &mut impl Way, limit: Limit) -> anyhow::Result<Latencies> {
    let (before, begun) = (way.done(), Instant::now());
    let mut latencies = Latencies::default();
    while !limit.is_reached(latencies.total.len(), begun) {
        until_one_process(way).await;
        let (change, crossing) = replace(way, nth_index(latencies.total.len(), 2, way.site().ports)).await?;
        way.settle().await?;
        latencies.total.push(crossing.at - change.since);
        let above_fetching = way.fetched().and_then(|at| Duration::try_from(crossing.wall - at).ok());
        latencies.above_fetching.extend(above_fetching);
        latencies.lost += crossing.lost;
    }
    latencies.done = way.done().since(&before);
    Ok(latencies)
}
