//! Why a port or a container is as it is from a decision on: the rule, and a sentence about the container.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;

use super::{Unmapped, linger::LingerNews};

/// Why a port or a container is as it is. The text is a sentence about the container.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Why {
    /// The source has not answered since the start.
    #[error("it had this port before the start, and the source has not answered yet")]
    Saved,
    /// Its index leads there.
    #[error("its index is {0}")]
    Index(u64),
    /// An upgrade.
    #[error("of the containers with index {index} it is the newest that is ready; {from:?} had the port")]
    TakesOver {
        /// The index of both.
        index: u64,
        /// The uuid of the container that had the port.
        from: Arc<str>,
    },
    /// It has no index.
    #[error("it has no index, and had this port a moment ago")]
    Reserved,
    /// It has no index.
    #[error("it has no index, and this was the lowest port that was free and not reserved")]
    LowestFree,
    /// It has no index.
    #[error("it has no index, no port was free, and {from:?} had lingered here")]
    Displaces {
        /// The uuid of the container that had the port.
        from: Arc<str>,
    },
    /// It is listed at another address.
    #[error("it is listed at another address; it was at {was}")]
    AnotherAddress {
        /// The address before.
        was: SocketAddr,
    },
    /// Its index has changed.
    #[error("it has port {port} now")]
    AnotherPort {
        /// The port that leads to it.
        port: u16,
    },
    /// It is gone, and does not linger.
    #[error("it is not listed any more")]
    NotListed,
    /// It was missing.
    #[error("{}", sentence(*.0))]
    Missing(Missing),
    /// It has no port.
    #[error(transparent)]
    Unmapped(Unmapped),
    /// It flaps.
    #[error(
        "it changes its state again and again, so its port is frozen until it has been steady for {} s",
        penalty.as_secs()
    )]
    Flaps {
        /// How long it has to be steady.
        penalty: Duration,
    },
    /// It has flapped.
    #[error("it has been steady for long enough, so its port is frozen no longer")]
    Steady,
    /// The pool is larger.
    #[error("the containers need more ports than the {from} that there were")]
    Grown {
        /// The number of ports before.
        from: u16,
    },
    /// A container in the host's network needs the port.
    #[error("a container on this host listens on it itself")]
    NeededByContainer,
}

/// What has happened to a container that was missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing(pub(super) LingerNews);

fn sentence(Missing(news): Missing) -> &'static str {
    match news {
        LingerNews::Begun => "it is missing, and keeps the port while it shows that it is there",
        LingerNews::Unproven => "it is missing, and was last listed too long ago to linger",
        LingerNews::Returned => "it was missing, and is listed again",
        LingerNews::Gone => "it was missing, and is not there any more",
        LingerNews::Unknown => {
            "it is missing, and cannot be asked: this machine has run out of descriptors or memory"
        }
        LingerNews::AddressTaken => "it is missing, and another container has its address",
        LingerNews::Superseded => "it is missing, and another container has its port",
        LingerNews::Expired => "it is missing, and has lingered for as long as LINGER_MS allows",
        LingerNews::Released => "it is missing, and a person has released the port",
    }
}

impl Why {
    /// The number of the rule, 1 to 9, as docs/how-it-works.md and the documentation of `allocation` have them.
    pub fn rule(&self) -> u8 {
        match self {
            Self::AnotherAddress { .. } | Self::NeededByContainer => 1,
            Self::Index(_) | Self::AnotherPort { .. } => 2,
            Self::Reserved | Self::LowestFree => 3,
            Self::TakesOver { .. } => 4,
            Self::Grown { .. } => 5,
            Self::Displaces { .. } | Self::NotListed | Self::Missing(_) => 6,
            Self::Saved => 7,
            Self::Flaps { .. } | Self::Steady => 9,
            Self::Unmapped(reason) => reason.rule(),
        }
    }

    /// The bounded label for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Saved => "saved",
            Self::Index(_) => "index",
            Self::TakesOver { .. } => "takes_over",
            Self::Reserved => "reserved",
            Self::LowestFree => "lowest_free",
            Self::Displaces { .. } => "displaces",
            Self::AnotherAddress { .. } => "another_address",
            Self::AnotherPort { .. } => "another_port",
            Self::NotListed => "not_listed",
            Self::Missing(Missing(news)) => news.kind(),
            Self::Unmapped(reason) => reason.kind(),
            Self::Flaps { .. } => "flapping",
            Self::Steady => "steady",
            Self::Grown { .. } => "grown",
            Self::NeededByContainer => "needed_by_container",
        }
    }
}
