//! What the ways of driving HAProxy have in common.

use std::{collections::BTreeMap, net::Ipv4Addr, ops::AddAssign};

use serde::Serialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::site::Site;

/// A HAProxy with a pool of ports, and a container behind each.
///
/// What runs ends when it is dropped.
pub(crate) trait Pool {
    /// Where its ports are.
    fn site(&self) -> &Site;

    /// The address of the container with this index.
    fn address(&self, index: u16) -> Ipv4Addr;

    /// The HAProxy processes that exist.
    fn haproxy_pids(&self) -> Vec<u32>;

    /// Waits until nothing of the start, or of the last change, is left to be done and a next one will be acted on
    /// at once.
    async fn settle(&mut self) -> anyhow::Result<()>;
}

/// A way of driving HAProxy: a pool that follows changes.
pub(crate) trait Way: Pool {
    /// Replaces a container by one with another address.
    async fn replace(&mut self, index: u16) -> anyhow::Result<Change>;

    /// What has been done so far.
    fn done(&self) -> Done;

    /// When the last change had been fetched and parsed, if that is known.
    fn fetched(&self) -> Option<OffsetDateTime>;

    /// The process id of what drives HAProxy, if that is a process of its own.
    fn driver(&self) -> Option<u32>;
}

/// A change of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// The new container's address.
    pub(crate) address: Ipv4Addr,
    /// From when on the change was there to be seen.
    pub(crate) since: Instant,
}

/// What was done to follow the changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Done {
    /// The HAProxy processes that have served.
    pub(crate) haproxy_processes: usize,
    /// How often which step was taken.
    pub(crate) steps: BTreeMap<String, usize>,
}

impl Done {
    /// What has been done since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let steps = self
            .steps
            .iter()
            .map(|(step, count)| (step.clone(), count - before.steps.get(step).copied().unwrap_or_default()));
        Self {
            haproxy_processes: self.haproxy_processes - before.haproxy_processes,
            steps: steps.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Self) {
        self.haproxy_processes += other.haproxy_processes;
        for (step, count) in other.steps {
            *self.steps.entry(step).or_default() += count;
        }
    }
}
