//! From the start of a program to all ports serving.

use std::time::Duration;

use anyhow::{bail, ensure};
use stalls_lab::client;
use tokio::time::{Instant, sleep};

use crate::{client::misses, way::Pool};

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause after a connection that led nowhere: the starting process needs the processor, too.
const PAUSE: Duration = Duration::from_millis(1);

/// How many ports are tried afterwards: HAProxy opens all of them at once.
const SAMPLE: usize = 200;

/// Waits until all ports serve; tells how long that took since `begun`.
pub(crate) async fn cold_start(pool: &impl Pool, begun: Instant) -> anyhow::Result<Duration> {
    let site = pool.site();
    while client::landing(site.listen(site.ports)).await.is_err() {
        if begun.elapsed() > PATIENCE {
            bail!("{} ports do not serve within {PATIENCE:?}", site.ports);
        }
        sleep(PAUSE).await;
    }
    let took = begun.elapsed();
    for index in (1..=site.ports).step_by(usize::from(site.ports).div_ceil(SAMPLE)) {
        let missed = misses(site.listen(index), pool.address(index), 1).await?;
        ensure!(missed == 0, "after the start the port of container {index} does not lead to it");
    }
    Ok(took)
}
