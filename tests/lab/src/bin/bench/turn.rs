//! One turn of a column: a start, connections, changes. Nothing else runs beside it.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    effort::{Effort, Limit},
    measure::{Arrivals, Connections, Memory, Upkeep, arrivals, cold_start, connections, memory, upkeep},
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
    /// Changes, where somebody follows them.
    pub(crate) arrivals: Option<Arrivals>,
    /// Measured in the last turn alone.
    pub(crate) memory: Option<Memory>,
    /// Measured in the last turn alone, where stalls drives HAProxy.
    pub(crate) upkeep: Option<Upkeep>,
}

/// A turn of a pool that was started then, in which nothing changes.
pub(crate) async fn at_rest(pool: &mut impl Pool, begun: Instant, effort: &Effort) -> anyhow::Result<Turn> {
    let cold_start = cold_start(pool, begun).await?;
    pool.settle().await?;
    Ok(Turn {
        cold_start,
        first_port: connections(pool, 1, effort.connections).await?,
        last_port: connections(pool, pool.site().ports, effort.connections).await?,
        arrivals: None,
        memory: None,
        upkeep: None,
    })
}

/// A turn of a way that was started then, with so many changes.
pub(crate) async fn with_changes(
    way: &mut impl Way,
    begun: Instant,
    effort: &Effort,
    changes: Limit,
    is_last: bool,
) -> anyhow::Result<Turn> {
    let mut turn = at_rest(way, begun, effort).await?;
    if is_last {
        // Before anything else changes.
        turn.memory = Some(memory(way, effort.pinning_changes).await?);
    }
    turn.arrivals = Some(arrivals(way, changes).await?);
    if is_last {
        turn.upkeep = upkeep(way, effort.idle).await;
    }
    Ok(turn)
}
