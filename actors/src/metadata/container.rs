//! One container as the metadata tells of it.

use std::{net::IpAddr, num::NonZeroU64, ops::Deref, sync::Arc};

/// One container as the metadata tells of it. Texts are untrusted: they go to the log and the state file
/// only, never to HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Identity across documents: `uuid`, else `external_id`, else `name`; empty when it has none.
    pub uuid: Arc<str>,
    /// The container's name, for people.
    pub name: Arc<str>,
    /// Its `service_index`.
    pub index: ServiceIndex,
    /// Counts up for ever within the service: the higher, the newer. 0 when missing.
    pub create_index: u64,
    /// Its `state`; `None` when missing.
    pub state: Option<State>,
    /// Its `primary_ip`; `None` when missing or empty.
    pub primary_ip: Option<PrimaryIp>,
    /// Its `health_state`; `None` when it has no health check.
    pub health: Option<Health>,
}

/// What a container's health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It is well.
    Healthy,
    /// It is not, or nothing is known yet.
    Other,
}

impl From<&str> for Health {
    fn from(text: &str) -> Self {
        if matches!(text, "healthy" | "updating-healthy") { Self::Healthy } else { Self::Other }
    }
}

/// A container's `service_index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceIndex {
    /// A whole number from 1 up.
    Numbered(NonZeroU64),
    /// Missing, or nothing that counts from 1.
    Unusable,
}

/// A container's `state` as it stands there, such as `running`, and what that means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    text: Box<str>,
    stage: Stage,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It runs; a change of it that needs no restart may be under way.
    Running,
    /// It does not run yet, but its address is its own already.
    Starting,
    /// It finishes its work.
    Stopping,
    /// It cannot serve.
    Other,
}

impl Deref for State {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl From<&str> for State {
    fn from(text: &str) -> Self {
        let stage = match text {
            "running" => Stage::Running,
            _ if text.starts_with("updating-") => Stage::Running,
            "starting" | "restarting" => Stage::Starting,
            "stopping" => Stage::Stopping,
            _ => Stage::Other,
        };
        Self { text: text.into(), stage }
    }
}

/// A container's `primary_ip` as it stands there, and the address that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrimaryIp {
    text: Box<str>,
    address: Option<IpAddr>,
}

impl Deref for PrimaryIp {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PrimaryIp {
    /// The address; `None` if the text is none.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl From<&str> for PrimaryIp {
    fn from(text: &str) -> Self {
        // An IPv4-mapped IPv6 address is the IPv4 address in disguise, loopback included.
        let address = text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        Self { text: text.into(), address }
    }
}

impl Container {
    /// Where it is in its life; one whose state is missing is taken to run.
    pub fn stage(&self) -> Stage {
        self.state.as_ref().map_or(Stage::Running, |state| state.stage)
    }
}
