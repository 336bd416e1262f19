//! The host as the supervisor needs it: processes and ports.

use std::{collections::BTreeSet, future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::LocalBoxFuture;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::Unbindable;
use crate::config::{FrameDigest, HaproxyConfig};

/// A HAProxy to be started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its number, higher than that of every one before.
    pub generation: u64,
    /// Its configuration.
    pub config: Arc<HaproxyConfig>,
    /// The generation whose listening sockets it takes over.
    pub inherit: Option<u64>,
}

/// A process that runs.
pub struct Running {
    /// Its process id.
    pub pid: u32,
    /// Resolves with a description of how it ended, in words for the log.
    pub ended: LocalBoxFuture<'static, String>,
}

/// A HAProxy that an earlier stalls started.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// Its number.
    pub generation: u64,
    /// Its process id.
    pub pid: u32,
    /// What it was started with; `None` if that cannot be read.
    pub record: Option<Record>,
}

/// What has to be known of a HAProxy, beyond what it tells itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The revision that it was started with.
    pub revision: u64,
    /// What it was started with, apart from the routes.
    pub frame: FrameDigest,
}

/// The host as the supervisor needs it.
pub trait HaproxyHost: Unpin + 'static {
    /// Starts a HAProxy. That it runs does not mean that it serves.
    ///
    /// # Errors
    /// When there is no text of its configuration, its folder cannot be made or the binary cannot be started.
    fn launch(&self, launch: Launch) -> impl Future<Output = io::Result<Running>> + 'static;

    /// The HAProxies that run already. What is left of those that do not is removed.
    ///
    /// # Errors
    /// When the processes of this host cannot be listed.
    fn leftovers(&self) -> io::Result<Vec<Leftover>>;

    /// Follows a leftover to its end.
    fn follow(&self, leftover: &Leftover) -> Running;

    /// Where a generation's runtime API listens.
    fn socket(&self, generation: u64) -> PathBuf;

    /// Signals the process of a generation, unless it has ended: another process may have its number by then.
    fn signal(&self, generation: u64, pid: u32, signal: Signal);

    /// Removes a generation's socket: nobody is to talk to it any more.
    fn remove_socket(&self, generation: u64);

    /// Removes all that is left of a generation that has ended.
    fn remove_dir(&self, generation: u64);

    /// Those of `ports` that cannot be bound.
    fn unbindable(&self, ports: &mut dyn Iterator<Item = u16>) -> Vec<Unbindable>;

    /// How many connections to these ports the processes have; `None` if that cannot be known `within` this time. The
    /// kernel has one table for all sockets of the host: with 100,000 of them, those of connections that have just ended
    /// among them, a busy machine takes seconds to read it.
    fn connections(
        &self,
        pids: Vec<u32>,
        ports: BTreeSet<u16>,
        within: Duration,
    ) -> impl Future<Output = Option<usize>> + 'static;
}
