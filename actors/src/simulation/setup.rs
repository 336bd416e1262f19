//! The settings and surroundings of stalls: drawn once for each seed.

use std::{num::NonZeroU16, time::Duration};

use crate::{
    domain::Mapping,
    haproxy::OnLeave,
    testing::{mapping, web},
};

/// The port of slot 0.
pub(super) const BASE_PORT: u16 = 5000;

/// The source that stalls asks for the containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceKind {
    /// Rancher's adapter does, before a server.
    Rancher,
    /// A source of another kind.
    Lists,
}

/// What stays the same for the whole run.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) source: SourceKind,
    /// The pool's size, if stalls is told one.
    pub(super) port_count: Option<u16>,
    /// The pool never has more ports.
    pub(super) max_ports: u16,
    pub(super) on_leave: OnLeave,
    /// How many of a hundred containers have an index.
    pub(super) indexed_percent: u64,
    /// How many of a hundred containers have a health check.
    pub(super) checked_percent: u64,
    /// How long a missing container may linger.
    pub(super) linger: Duration,
    /// Whether containers change their state so often that stalls no longer follows them.
    pub(super) has_flapping: bool,
    /// The longest time until a new address is in force, in milliseconds: 0 before HAProxy 2.9.
    pub(super) max_lag_ms: u64,
    /// The mean time between two changes of the service, in milliseconds.
    pub(super) change_every_ms: u64,
}

impl Setup {
    pub(super) fn draw(seed: u64, rng: &mut fastrand::Rng) -> Self {
        // A chance of its own: what happens in the world does not depend on who tells of it.
        let is_list = fastrand::Rng::with_seed(!seed).u8(..4) == 0;
        let port_count = rng.bool().then(|| rng.u16(4..10));
        let on_leave = [OnLeave::ByState, OnLeave::ByState, OnLeave::Cut, OnLeave::Drain];
        Self {
            source: if is_list { SourceKind::Lists } else { SourceKind::Rancher },
            port_count,
            max_ports: port_count.unwrap_or(24),
            on_leave: on_leave[rng.usize(..on_leave.len())],
            indexed_percent: if rng.u8(..3) == 0 { 60 } else { 100 },
            checked_percent: [0, 0, 40, 100][rng.usize(..4)],
            linger: Duration::from_secs([0, 20, 300, 300][rng.usize(..4)]),
            has_flapping: rng.u8(..4) == 0,
            max_lag_ms: if rng.bool() { 0 } else { rng.u64(2..40) },
            change_every_ms: rng.u64(800..10_000),
        }
    }

    pub(super) fn mapping(&self) -> Mapping {
        Mapping { port_count: self.port_count.and_then(NonZeroU16::new), ..mapping(&web(), BASE_PORT) }
    }

    /// Whether a container is gone that the source does not have.
    pub(super) fn absence_is_proof(&self) -> bool {
        self.source == SourceKind::Lists
    }

    /// Whether containers may have ports of their own: Rancher knows none.
    pub(super) fn has_own_ports(&self) -> bool {
        self.source == SourceKind::Lists
    }

    /// Whether HAProxy never closes a session that it is told to end while it connects, as 3.0 does: every third one of
    /// those with a lag.
    pub(super) fn hangs_sessions(&self) -> bool {
        self.max_lag_ms % 3 == 1
    }

    /// All ports that the pool may ever have.
    pub(super) fn ports(&self) -> std::ops::Range<u16> {
        BASE_PORT..BASE_PORT + self.max_ports
    }
}
