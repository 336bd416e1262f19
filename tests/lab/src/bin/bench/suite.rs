//! All measurements in their order: a way at a time, so that nothing else runs beside it.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use tokio::time::Instant;

use crate::{
    driven::Driven,
    effort::{Effort, Limit},
    measure::{Quantiles, UnderLoad, Upkeep, cold_start, connections, latency, memory, under_load, upkeep},
    original::Original,
    results::{Measured, PerWay, Pool, Results},
    screen::{self, WAYS},
    site::Common,
    way::Way,
};

/// Measures everything.
pub(crate) async fn measure_all(common: &Common, effort: &Effort) -> anyhow::Result<Results> {
    let suite = Suite { common, effort };
    let mut pools = Vec::new();
    for &ports in &effort.sizes {
        pools.push(Pool { ports, measured: suite.pool(ports).await? });
    }
    Ok(Results {
        haproxy: haproxy_version(&common.haproxy)?,
        stalls_bytes: fs::metadata(&common.stalls)?.len(),
        pinning_changes: effort.pinning_changes,
        directories: common.directories.clone(),
        pools,
        load_ports: effort.load_ports,
        load: suite.load(effort.load_ports).await?,
    })
}

struct Suite<'run> {
    common: &'run Common,
    effort: &'run Effort,
}

impl Suite<'_> {
    async fn pool(&self, ports: u16) -> anyhow::Result<PerWay<Measured>> {
        let upkeep = async |driven: &Driven| Some(upkeep(driven, self.effort.idle).await);
        let say = |way: usize| screen::progress(&format!("{ports} ports, {}", WAYS[way]));
        let others = self.effort.changes_of_others;
        say(0);
        let stalls = self.measure(self.effort.changes, async || self.stalls(ports).await, upkeep).await?;
        say(1);
        let stalls_handover =
            self.measure(others, async || self.stalls_handover(ports).await, upkeep).await?;
        say(2);
        let original = self.measure(others, async || self.original(ports).await, async |_| None).await?;
        Ok(PerWay { stalls, stalls_handover, original })
    }

    async fn measure<W: Way>(
        &self,
        changes: Limit,
        start: impl AsyncFn() -> anyhow::Result<(W, Instant)>,
        upkeep: impl AsyncFn(&W) -> Option<Upkeep>,
    ) -> anyhow::Result<Measured> {
        let (mut way, begun) = start().await?;
        let mut cold_starts = vec![cold_start(&way, begun).await?];
        while cold_starts.len() < self.effort.cold_starts {
            drop(way);
            let begun;
            (way, begun) = start().await?;
            cold_starts.push(cold_start(&way, begun).await?);
        }
        way.settle().await?;
        Ok(Measured {
            cold_start: Quantiles::of(cold_starts).context("nothing was started")?,
            first_port: connections(&way, 1, self.effort.connections).await?,
            last_port: connections(&way, way.site().ports, self.effort.connections).await?,
            // Before anything else changes.
            memory: memory(&mut way, self.effort.pinning_changes).await?,
            latency: latency(&mut way, changes).await?,
            upkeep: upkeep(&way).await,
        })
    }

    async fn load(&self, ports: u16) -> anyhow::Result<PerWay<UnderLoad>> {
        let say = |way: usize| screen::progress(&format!("{ports} ports under load, {}", WAYS[way]));
        let others = self.effort.load_changes_of_others;
        say(0);
        let stalls = load(self.stalls(ports).await?, self.effort.load_changes).await?;
        say(1);
        let stalls_handover = load(self.stalls_handover(ports).await?, others).await?;
        say(2);
        let original = load(self.original(ports).await?, others).await?;
        Ok(PerWay { stalls, stalls_handover, original })
    }

    async fn stalls(&self, ports: u16) -> anyhow::Result<(Driven, Instant)> {
        Driven::start(self.common, ports, None).await
    }

    async fn stalls_handover(&self, ports: u16) -> anyhow::Result<(Driven, Instant)> {
        Driven::start(self.common, ports, Some(&self.common.handover_template)).await
    }

    async fn original(&self, ports: u16) -> anyhow::Result<(Original, Instant)> {
        Original::start(self.common, ports).await
    }
}

async fn load((mut way, begun): (impl Way, Instant), limit: Limit) -> anyhow::Result<UnderLoad> {
    cold_start(&way, begun).await?;
    way.settle().await?;
    under_load(&mut way, limit).await
}

/// The first line that it says of itself.
fn haproxy_version(haproxy: &Path) -> anyhow::Result<String> {
    let output = Command::new(haproxy).arg("-v").output().context("HAProxy cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
