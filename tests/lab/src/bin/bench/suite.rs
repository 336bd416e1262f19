//! All measurements in their order. One column runs at a time. The columns take turns, each with a new process: the
//! machine may be slower for a while, and one HAProxy costs up to a third more or less than the next one.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use tokio::time::Instant;

use crate::{
    alone::Alone,
    column::{Column, PerColumn},
    driven::Driven,
    effort::{Effort, Limit},
    measure::{UnderLoad, cold_start, under_load},
    original::Original,
    results::{Measured, Pool, Results},
    screen,
    site::Common,
    turn::{Turn, at_rest, with_changes},
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
    async fn pool(&self, ports: u16) -> anyhow::Result<PerColumn<Measured>> {
        let mut columns = vec![Column::Stalls];
        columns.extend(self.common.before.is_some().then_some(Column::Before));
        columns.extend(self.common.watched.then_some(Column::Watched));
        columns.extend([Column::StallsReload, Column::Original, Column::Alone]);
        let mut turns = PerColumn::<Vec<Turn>>::new();
        for nth in 1..=self.effort.turns {
            for &column in &columns {
                screen::progress(&format!("{ports} ports, turn {nth}, {}", column.name()));
                let turn = self.turn(column, ports, nth == self.effort.turns).await?;
                turns.entry(column).or_default().push(turn);
            }
            // No column always follows the same one.
            columns.reverse();
        }
        Ok(turns.iter().map(|(column, turns)| (*column, Measured::of(turns))).collect())
    }

    async fn turn(&self, column: Column, ports: u16, is_last: bool) -> anyhow::Result<Turn> {
        let effort = self.effort;
        match column {
            Column::Alone => {
                let (mut alone, begun) = Alone::start(self.common, ports).await?;
                at_rest(&mut alone, begun, effort).await
            }
            Column::Original => {
                let (mut original, begun) = Original::start(self.common, ports).await?;
                with_changes(&mut original, begun, effort, effort.changes_of_others, is_last).await
            }
            driven => {
                let (mut stalls, begun) = self.driven(driven, ports).await?;
                let changes = match driven {
                    Column::StallsReload => effort.changes_of_others,
                    _ => effort.changes,
                };
                with_changes(&mut stalls, begun, effort, changes, is_last).await
            }
        }
    }

    /// stalls, as it is in this column.
    async fn driven(&self, column: Column, ports: u16) -> anyhow::Result<(Driven, Instant)> {
        let common = self.common;
        let (binary, template) = match column {
            Column::Before => (common.before.as_deref().context("there is no other build")?, None),
            Column::StallsReload => (&*common.stalls, Some(&*common.reload_template)),
            _ => (&*common.stalls, None),
        };
        Driven::start(common, binary, ports, template, column == Column::Watched).await
    }

    async fn load(&self, ports: u16) -> anyhow::Result<PerColumn<UnderLoad>> {
        let mut loads = PerColumn::new();
        for column in [Column::Stalls, Column::StallsReload, Column::Original] {
            screen::progress(&format!("{ports} ports under load, {}", column.name()));
            let others = self.effort.load_changes_of_others;
            let measured = match column {
                Column::Original => load(Original::start(self.common, ports).await?, others).await?,
                Column::Stalls => load(self.driven(column, ports).await?, self.effort.load_changes).await?,
                _ => load(self.driven(column, ports).await?, others).await?,
            };
            loads.insert(column, measured);
        }
        Ok(loads)
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
