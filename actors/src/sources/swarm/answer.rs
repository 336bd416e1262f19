//! What a manager answers, as far as it matters here (Docker Engine API, `/tasks`, `/nodes`, `/services/ID`).
//!
//! Bollard's own models are not used: its `Task` has no addresses, since the engine's description of the API leaves
//! `NetworksAttachments` out, and a state that it does not know makes the whole answer unreadable to it.

use serde::Deserialize;

/// One attempt of Swarm's to run a container of a service.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Task {
    #[serde(rename = "ID")]
    pub(super) id: String,
    /// When, in the form of RFC 3339.
    pub(super) created_at: String,
    /// From 1 on; 0 or none in a global service.
    pub(super) slot: Option<u64>,
    /// Empty until a node has been found.
    #[serde(rename = "NodeID")]
    pub(super) node_id: String,
    pub(super) status: Status,
    /// The state that Swarm wants it to get to.
    pub(super) desired_state: String,
    pub(super) networks_attachments: Option<Vec<Attachment>>,
}

/// What a task's node says about it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Status {
    pub(super) state: String,
    /// Why it is not further; empty when all is well.
    pub(super) err: String,
    pub(super) port_status: PortStatus,
}

/// The ports that a task's node publishes for it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PortStatus {
    pub(super) ports: Option<Vec<Port>>,
}

/// A port that is published; for one task it is listed once for IPv4 and once for IPv6.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Port {
    pub(super) protocol: String,
    /// The container's side.
    pub(super) target_port: u16,
    /// The node's side; 0 or none for whichever is free.
    pub(super) published_port: u16,
    /// `host` for each task on its own node, `ingress` for all of them on every node.
    pub(super) publish_mode: String,
}

/// A network that a task is in.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Attachment {
    pub(super) network: Network,
    /// With the length of the network's prefix, as `10.0.1.4/24`.
    pub(super) addresses: Option<Vec<String>>,
}

/// A network.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Network {
    pub(super) spec: NetworkSpec,
}

/// What was asked for in a network.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkSpec {
    pub(super) name: String,
    /// Whether it is the one that carries what is published on every node.
    pub(super) ingress: bool,
}

/// A machine of the swarm.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Node {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) status: NodeStatus,
    /// Of managers only.
    pub(super) manager_status: Option<ManagerStatus>,
}

/// What a manager sees of a node.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NodeStatus {
    /// Its address; a leader may say `0.0.0.0` of itself.
    pub(super) addr: String,
}

/// What a manager says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ManagerStatus {
    /// Its address and port.
    pub(super) addr: String,
}

/// A service.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Service {
    #[serde(rename = "ID")]
    pub(super) id: String,
    pub(super) spec: ServiceSpec,
}

/// What was asked for in a service.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ServiceSpec {
    pub(super) name: String,
    pub(super) endpoint_spec: EndpointSpec,
}

/// How a service is published.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EndpointSpec {
    pub(super) ports: Option<Vec<Port>>,
}
