//! What clients notice of changes on other ports.

use anyhow::anyhow;
use serde::Serialize;
use stalls_lab::client::Held;
use tokio::time::Instant;

use super::changes::{nth_index, replace};
use crate::{
    client::{Lost, misses},
    effort::Limit,
    load::{Load, Targets},
    way::{Done, Way},
};

/// The clients that connect all the time.
const CLIENTS: usize = 2;

/// The first so many ports do not change: each has a connection that stays, and the clients connect to them.
const BYSTANDERS: u16 = 20;

/// How many connections to a port that has just changed are looked at.
const AFTER_A_CHANGE: u32 = 5;

/// Changes under load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UnderLoad {
    /// How many containers were replaced, one after the other.
    pub(crate) changes: usize,
    pub(crate) seconds: f64,
    /// Connections to ports that did not change.
    pub(crate) connections: u64,
    /// Those of them that led nowhere.
    pub(crate) lost: Lost,
    /// Those of them that led to a container of another port.
    pub(crate) wrong: u64,
    /// Connections that led nowhere while their port changed.
    pub(crate) lost_on_changing: Lost,
    /// Connections that did not lead to the new container, after one that did.
    pub(crate) wrong_after_change: u64,
    /// Connections that were to stay.
    pub(crate) held: usize,
    /// Those of them that did not work any more at the end.
    pub(crate) held_broken: usize,
    /// What was done.
    pub(crate) done: Done,
    /// The first few failures in words.
    pub(crate) examples: Vec<String>,
}

/// Replaces one container after the other while clients connect to other ports.
pub(crate) async fn under_load(way: &mut impl Way, limit: Limit) -> anyhow::Result<UnderLoad> {
    let mut targets = Targets::new();
    let mut held = Vec::new();
    for index in 1..=BYSTANDERS {
        let port = way.site().listen(index);
        targets.push((port, way.address(index)));
        held.push(Held::connect(port).await.map_err(|error| anyhow!("{port}: {error}"))?);
    }
    let (before, begun, load) = (way.done(), Instant::now(), Load::start(CLIENTS, &targets));
    let (mut changes, mut lost_on_changing, mut wrong_after_change) = (0, Lost::default(), 0);
    while !limit.is_reached(changes, begun) {
        let index = nth_index(changes, BYSTANDERS + 1, way.site().ports);
        let (change, crossing) = replace(way, index).await?;
        lost_on_changing += crossing.lost;
        let missed = misses(way.site().listen(index), change.address, AFTER_A_CHANGE).await?;
        wrong_after_change += u64::from(missed);
        way.settle().await?;
        changes += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let tally = load.stop().await?;
    let mut held_broken = 0;
    for connection in &mut held {
        held_broken += usize::from(connection.check().await.is_err());
    }
    Ok(UnderLoad {
        changes,
        seconds,
        connections: tally.connections,
        lost: tally.lost,
        wrong: tally.wrong,
        lost_on_changing,
        wrong_after_change,
        held: held.len(),
        held_broken,
        done: way.done().since(&before),
        examples: tally.examples,
    })
}
