//! One container as its source lists it.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroU64},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{BackendPort, PortName};

/// One container as its source lists it. Texts are untrusted: they go to the log and the state file only, never to
/// HAProxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its identity from one snapshot to the next; empty when it has none.
    pub uuid: Arc<str>,
    /// Its name, for people.
    pub name: Arc<str>,
    /// Its number within the service; `None` when it has none that counts from 1.
    pub index: Option<NonZeroU64>,
    /// Its place in the order of creation within the service: the higher, the newer. 0 when unknown.
    pub created: u64,
    /// Its state; `None` when unknown.
    pub state: Option<State>,
    /// Its address; `None` when it has none (yet).
    pub address: Option<Address>,
    /// The port that it listens on, where its source says one; else that of the mapping, if that is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<NonZeroU16>,
    /// The ports that its source has names for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named_ports: BTreeMap<PortName, NonZeroU16>,
    /// What its health check says; `None` when it has no health check.
    pub health: Option<Health>,
}

impl Container {
    /// Where it is in its life; one whose state is unknown is taken to run.
    pub fn lifecycle(&self) -> Lifecycle {
        self.state.as_ref().map_or(Lifecycle::Running, |state| state.lifecycle)
    }

    /// Where it is reached, if its address is an IP address and it has this port.
    pub fn backend(&self, port: &BackendPort) -> Option<SocketAddr> {
        self.backend_at(self.address.as_ref()?.ip()?, port).ok()
    }

    /// Where it is reached if that is its address. A port of its own takes the place of a number.
    ///
    /// # Errors
    /// The name that none of its ports has.
    pub(crate) fn backend_at<'a>(
        &self,
        ip: IpAddr,
        port: &'a BackendPort,
    ) -> Result<SocketAddr, &'a PortName> {
        let port = match port {
            BackendPort::Number(number) => self.port.unwrap_or(*number),
            BackendPort::Name(name) => *self.named_ports.get(name).ok_or(name)?,
        };
        Ok(SocketAddr::new(ip, port.get()))
    }
}

/// What a container's health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The container is healthy.
    Healthy,
    /// It is not, or the check has not said so yet.
    NotHealthy,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// It runs; a change that needs no restart may be under way.
    Running,
    /// It starts or restarts: it does not run yet, but its address is its own already.
    Starting,
    /// It takes no new work: it is being stopped and finishes what it has, or it is paused.
    Stopping,
    /// It cannot serve: it is not started yet, or has stopped, or its state is none that is known.
    Inactive,
}

/// A container's state: the source's word for it, and what that means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    text: Box<str>,
    lifecycle: Lifecycle,
}

impl State {
    /// A state that the source calls `text`.
    pub fn new(text: &str, lifecycle: Lifecycle) -> Self {
        Self { text: text.into(), lifecycle }
    }

    /// The source's word.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A container's address: the source's text, and the IP address that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Address {
    text: Box<str>,
    ip: Option<IpAddr>,
}

impl Address {
    /// The source's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The IP address; `None` if the text is none.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        // An IPv4-mapped IPv6 address is the IPv4 address in disguise, loopback included.
        let ip = text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
        Self { text: text.into(), ip }
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.text.into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
