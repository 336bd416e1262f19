//! A container as an engine lists it, as far as it matters here (Docker Engine API, `ContainerSummary`).
//!
//! Bollard's own model is not used: one word that it does not know, of one container, makes the whole list unreadable to
//! it.

use std::collections::HashMap;

use serde::Deserialize;

/// One container of the list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ContainerSummary {
    pub(super) id: Option<String>,
    pub(super) names: Option<Vec<String>>,
    /// When, in seconds since 1970.
    pub(super) created: Option<i64>,
    /// A word of the engine's.
    pub(super) state: Option<String>,
    /// The state and more, for people.
    pub(super) status: Option<String>,
    /// From version 1.52 of the API on.
    pub(super) health: Option<HealthSummary>,
    pub(super) labels: Option<HashMap<String, String>>,
    pub(super) ports: Option<Vec<PortSummary>>,
    pub(super) host_config: Option<HostConfig>,
    pub(super) network_settings: Option<NetworkSettings>,
}

/// What a health check says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct HealthSummary {
    /// A word of the engine's.
    pub(super) status: Option<String>,
}

/// A port that the image names, or that is published.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PortSummary {
    /// The container's side.
    pub(super) private_port: u16,
    /// The host's side, if it is published.
    pub(super) public_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
    #[serde(rename = "Type")]
    pub(super) protocol: Option<String>,
}

/// What the container was made with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct HostConfig {
    /// `host`, `none`, `container:ID`, or a network.
    pub(super) network_mode: Option<String>,
}

/// The networks of a container, by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkSettings {
    pub(super) networks: Option<HashMap<String, Option<Endpoint>>>,
}

/// A container's end of a network. Its addresses are empty while it does not run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Endpoint {
    #[serde(rename = "IPAddress")]
    pub(super) ip_address: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    pub(super) global_ipv6_address: Option<String>,
}
