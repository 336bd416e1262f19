//! One HAProxy process.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use rustix::process::Signal;
use tokio::sync::oneshot;

use super::cli::Batch;
use crate::{
    config::HaproxyConfig,
    haproxy::{FakeHaproxy, Record},
};

pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) config: Arc<HaproxyConfig>,
    /// The generation whose sockets it takes over.
    pub(super) inherit: Option<u64>,
    pub(super) phase: Phase,
    /// It hangs: commands and signals wait.
    pub(super) hangs: bool,
    /// Its runtime API's socket has been removed.
    pub(super) is_retired: bool,
    /// Something has happened to it that entitles stalls to end it.
    pub(super) is_faulty: bool,
    /// It could not open a port that it was told to open, since another program has taken it.
    pub(super) is_contrary: bool,
    /// It has served at some time: it has not hung from the beginning.
    pub(super) has_served: bool,
    /// stalls has told it to end.
    pub(super) is_given_up: bool,
    pub(super) fake: FakeHaproxy,
    /// The socket of each port that it holds.
    pub(super) held: BTreeMap<u16, u64>,
    pub(super) sessions: Vec<Session>,
    /// The commands that came while it hung.
    pub(super) waiting: Vec<Batch>,
    pub(super) pending_signals: Vec<Signal>,
    /// The commands that it did not carry out.
    pub(super) disobeyed: BTreeSet<String>,
    /// When it will have answered all commands so far.
    pub(super) busy_until: Duration,
    /// They are told of its end.
    pub(super) followers: Vec<oneshot::Sender<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It reads its configuration and does not listen yet.
    Starting,
    Serving,
    /// It no longer listens.
    Draining,
}

/// A client's connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) port: u16,
    pub(super) server: SocketAddr,
    /// Until then it is connecting to the server.
    pub(super) connected_at: Duration,
    /// Its port's position in the history when the connection began.
    pub(super) since: usize,
}

impl Process {
    pub(super) fn starting(
        pid: u32,
        config: Arc<HaproxyConfig>,
        inherit: Option<u64>,
        follower: oneshot::Sender<String>,
    ) -> Self {
        Self {
            pid,
            fake: FakeHaproxy::started(pid, &config),
            config,
            inherit,
            phase: Phase::Starting,
            hangs: false,
            is_retired: false,
            is_faulty: false,
            is_contrary: false,
            has_served: false,
            is_given_up: false,
            held: BTreeMap::new(),
            sessions: Vec::new(),
            waiting: Vec::new(),
            pending_signals: Vec::new(),
            disobeyed: BTreeSet::new(),
            busy_until: Duration::ZERO,
            followers: vec![follower],
        }
    }

    pub(super) fn record(&self) -> Record {
        Record { revision: self.config.revision, frame: self.config.frame.digest.clone() }
    }

    /// The ports of sessions that are connecting.
    pub(super) fn connecting(&self, now: Duration) -> BTreeSet<u16> {
        self.sessions
            .iter()
            .filter(|session| session.connected_at > now)
            .map(|session| session.port)
            .collect()
    }

    /// Whether it would accept connections now if its sockets were open.
    pub(super) fn is_serving(&self) -> bool {
        self.phase == Phase::Serving && !self.hangs
    }
}
