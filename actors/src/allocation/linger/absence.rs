//! A container that had a slot when it was missing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{domain::Container, in_ns};

/// For how long it is remembered that a container may run on although it has lost its slot.
pub(super) const REMEMBERED: Duration = Duration::from_secs(600);

/// What has become of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Absence {
    /// It keeps its slot.
    Lingers(Lingering),
    /// It has lost its slot and may run on, so its connections drain. When it is listed again, it may linger for as
    /// long as is `left`.
    Lost {
        backend: SocketAddr,
        #[serde(rename = "left_ns", with = "in_ns")]
        left: Duration,
        #[serde(rename = "forgotten_ns", with = "in_ns")]
        forgotten: Duration,
    },
    /// It is listed again.
    Listed {
        #[serde(rename = "since_ns", with = "in_ns")]
        since: Duration,
        #[serde(rename = "left_ns", with = "in_ns")]
        left: Duration,
    },
}

/// A container that lingers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::allocation) struct Lingering {
    /// As it was listed last.
    pub(super) container: Arc<Container>,
    pub(in crate::allocation) slot: u16,
    pub(in crate::allocation) backend: SocketAddr,
    #[serde(rename = "since_ns", with = "in_ns")]
    pub(super) since: Duration,
    /// When it loses its slot even if it is still there, on the allocator's clock.
    #[serde(rename = "until_ns", with = "in_ns")]
    pub(in crate::allocation) until: Duration,
}

impl Absence {
    pub(super) fn lost(backend: SocketAddr, left: Duration, now: Duration) -> Self {
        Self::Lost { backend, left, forgotten: now + REMEMBERED }
    }
}

impl Lingering {
    pub(in crate::allocation) fn uuid(&self) -> Arc<str> {
        Arc::clone(&self.container.uuid)
    }

    pub(in crate::allocation) fn since(&self) -> Duration {
        self.since
    }
}
