//! One container of the world, and how the sources tell of it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU16, NonZeroU64},
    time::Duration,
};

use serde_json::{Value, json};

use super::readiness::Readiness;
use crate::{
    domain::{Container, Health, Lifecycle, State},
    testing::BACKEND_PORT,
};

/// One container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) create_index: u64,
    pub(super) index: Option<u64>,
    pub(super) state: &'static str,
    pub(super) address: Option<Ipv4Addr>,
    /// The port that it listens on, if that is not the one of all.
    pub(super) port: Option<NonZeroU16>,
    pub(super) health: Option<&'static str>,
    pub(super) readiness: Readiness,
    pub(super) runs_since: Option<Duration>,
    /// Whether the source has it.
    pub(super) is_listed: bool,
    /// When its last restart began.
    pub(super) disturbed_at: Duration,
}

impl Instance {
    pub(super) fn uuid(&self) -> String {
        format!("u{}", self.create_index)
    }

    fn name(&self) -> String {
        format!("app-web-{}", self.create_index)
    }

    /// The higher, the newer. Creation indexes are never used twice.
    pub(super) fn age(&self) -> u64 {
        self.create_index
    }

    /// Whether its address is its own.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, "creating" | "stopped")
    }

    /// Where it listens.
    pub(super) fn backend(&self) -> Option<SocketAddr> {
        let port = self.port.unwrap_or(BACKEND_PORT).get();
        self.address.map(|address| SocketAddr::from((address, port)))
    }

    /// As Rancher's metadata has it.
    pub(super) fn document(&self) -> Value {
        json!({
            "uuid": self.uuid(), "name": self.name(), "state": self.state,
            "service_index": self.index.map(|index| index.to_string()), "create_index": self.create_index,
            "primary_ip": self.address.map(|address| address.to_string()), "health_state": self.health,
        })
    }

    /// As any source gives it to the poller.
    pub(super) fn container(&self) -> Container {
        let lifecycle = match self.state {
            "running" => Lifecycle::Running,
            "starting" | "restarting" => Lifecycle::Starting,
            "stopping" => Lifecycle::Stopping,
            _ => Lifecycle::Inactive,
        };
        let health = |health| if health == "healthy" { Health::Healthy } else { Health::NotHealthy };
        Container {
            uuid: self.uuid().into(),
            name: self.name().into(),
            index: self.index.and_then(NonZeroU64::new),
            created: self.create_index,
            state: Some(State::new(self.state, lifecycle)),
            address: self.address.map(|address| address.to_string().into()),
            port: self.port,
            named_ports: [].into(),
            health: self.health.map(health),
        }
    }
}
