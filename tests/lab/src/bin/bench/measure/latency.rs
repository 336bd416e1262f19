//! From a change of the world to its port serving.

use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    Quantiles,
    changes::{nth_index, replace, until_one_process},
};
use crate::{
    client::Lost,
    effort::Limit,
    way::{Done, Way},
};

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

/// Replaces one container after the other, and nothing else at the same time.
pub(crate) async fn latency(way: &mut impl Way, limit: Limit) -> anyhow::Result<Latency> {
    let (before, begun) = (way.done(), Instant::now());
    let (mut total, mut above_fetching, mut lost) = (Vec::new(), Vec::new(), Lost::default());
    while !limit.is_reached(total.len(), begun) {
        until_one_process(way).await;
        let (change, crossing) = replace(way, nth_index(total.len(), 2, way.site().ports)).await?;
        way.settle().await?;
        total.push(crossing.at - change.since);
        above_fetching.extend(way.fetched().and_then(|at| Duration::try_from(crossing.wall - at).ok()));
        lost += crossing.lost;
    }
    let total = Quantiles::of(total).context("no change was made")?;
    let done = way.done().since(&before);
    Ok(Latency { total, above_fetching: Quantiles::of(above_fetching), lost, done })
}
