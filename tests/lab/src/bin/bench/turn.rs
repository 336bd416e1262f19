//! One turn of a column: a start, changes, connections. Nothing else runs beside it.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    effort::{Effort, Limit},
    measure::{Connections, Latencies, Memory, Upkeep, cold_start, connections, latencies, memory, upkeep},
    way::{Pool, Way},
};

/// What was measured in one turn.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// From the start of the program to all ports serving.
    pub(crate) cold_start: Duration,
    /// Connections to the first port.
    pub(crate) first_port: Vec<Connections>,
    /// Connections to the last port.
    pub(crate) last_port: Vec<Connections>,
    /// `None` for HAProxy alone.
    pub(crate) latencies: Option<Latencies>,
    /// Measured in the last turn alone.
    pub(crate) memory: Option<Memory>,
    /// Measured in the last turn alone, where stalls drives HAProxy.
    pub(crate) upkeep: Option<Upkeep>,
}

/// A turn of a pool that was started then, in which nothing changes.
pub(crate) async fn at_rest(pool: &mut impl Pool, begun: Instant, effort: &Effort) -> anyhow::Result<Turn> {
    let cold_start = cold_start(pool, begun).await?;
    pool.settle().await?;
    let (first_port, last_port) = to_both_ends(pool, effort).await?;
    Ok(Turn { cold_start, first_port, last_port, latencies: None, memory: None, upkeep: None })
}

/// A turn of a way that was started then, with so many changes. The cost of a connection is measured after them: it is
/// that of a HAProxy which has been told of changes.
pub(crate) async fn with_changes(
    way: &mut impl Way,
    begun: Instant,
    effort: &Effort,
    changes: Limit,
    is_last: bool,
) -> anyhow::Result<Turn> {
    let cold_start = cold_start(way, begun).await?;
    way.settle().await?;
    let latencies = Some(latencies(way, changes).await?);
    let (first_port, last_port) = to_both_ends(way, effort).await?;
    let memory = if is_last { Some(memory(way, effort.pinning_changes).await?) } else { None };
    let upkeep = if is_last { upkeep(way, effort.idle).await } else { None };
    Ok(Turn { cold_start, first_port, last_port, latencies, memory, upkeep })
}

/// Connects to the first port and to the last one.
async fn to_both_ends(
    pool: &impl Pool,
    effort: &Effort,
) -> anyhow::Result<(Vec<Connections>, Vec<Connections>)> {
    let first = connections(pool, 1, effort.connections).await?;
    Ok((first, connections(pool, pool.site().ports, effort.connections).await?))
}
