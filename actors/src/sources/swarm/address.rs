//! Where a task is reached. Pure.
//!
//! If the service publishes the backend port in the mode `host`, each task is at its node's address, on the port that
//! the node has chosen. Everything reaches it there. Otherwise it is at its address in an overlay network, which only
//! containers in that network reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};

use super::answer::{Attachment, Node, Port, Service, Task};
use crate::domain::Address;

/// The nodes' addresses, by their ids.
pub(super) type Nodes = BTreeMap<String, Address>;

/// The addresses of these nodes.
pub(super) fn of_nodes(nodes: Vec<Node>) -> Nodes {
    nodes
        .into_iter()
        .filter_map(|node| Some((of_node(&node)?, node.id)))
        .map(|(address, id)| (id, address))
        .collect()
}

/// A leader may not know its own address, but says where the other managers find it.
fn of_node(node: &Node) -> Option<Address> {
    let is_known = |ip: &IpAddr| !ip.is_unspecified();
    let said = node.status.addr.parse().ok().filter(is_known);
    let among_managers = || node.manager_status.as_ref()?.addr.parse().ok().map(|addr: SocketAddr| addr.ip());
    let ip = said.or_else(|| among_managers().filter(is_known))?;
    Some(ip.to_string().into())
}

impl Port {
    /// Whether it is each node's that leads to this port of a task.
    fn leads_to(&self, backend_port: NonZeroU16) -> bool {
        self.publish_mode == "host" && self.protocol == "tcp" && self.target_port == backend_port.get()
    }
}

impl Service {
    /// Whether each task is reached on a port of its node's.
    pub(super) fn is_on_nodes(&self, backend_port: NonZeroU16) -> bool {
        let ports = self.spec.endpoint_spec.ports.as_deref().unwrap_or_default();
        ports.iter().any(|port| port.leads_to(backend_port))
    }
}

/// The ports on their nodes that lead to tasks, by the tasks' ids.
///
/// A port is the task's for as long as that runs, and is remembered as long: a manager that has just become the leader
/// knows the tasks' states, but the ports of none that was started before (measured on engine 20.10; it looks like
/// docker-archive/classicswarm issue 2861).
#[derive(Debug, Default)]
pub(super) struct HostPorts(BTreeMap<String, NonZeroU16>);

impl HostPorts {
    /// Takes note of these tasks' ports, and forgets those of others.
    pub(super) fn follow(&mut self, tasks: &[Task], backend_port: NonZeroU16) {
        let running = || tasks.iter().filter(|task| task.is_running());
        let listed: BTreeSet<&str> = running().map(|task| &*task.id).collect();
        self.0.retain(|id, _| listed.contains(&**id));
        let told = running().filter_map(|task| Some((task.id.clone(), task.host_port(backend_port)?)));
        self.0.extend(told);
    }

    /// The port that leads to this task.
    pub(super) fn of(&self, task: &Task) -> Option<NonZeroU16> {
        self.0.get(&task.id).copied()
    }

    /// Whether none is known.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Task {
    fn host_port(&self, backend_port: NonZeroU16) -> Option<NonZeroU16> {
        let ports = self.status.port_status.ports.as_deref().unwrap_or_default();
        let mut ports = ports.iter().filter(|port| port.leads_to(backend_port));
        ports.find_map(|port| NonZeroU16::new(port.published_port))
    }

    /// Its address in the network of this name; if there is none, in the first one by name. Docker puts a stack's name
    /// before those of its networks.
    pub(super) fn overlay_address(&self, network: Option<&str>) -> Option<Address> {
        let attachments = self.networks_attachments.as_deref().unwrap_or_default();
        let is_wanted = |name: &str| network.is_none_or(|wanted| name == wanted);
        attachments
            .iter()
            .filter(|attachment| !attachment.network.spec.ingress && is_wanted(&attachment.network.spec.name))
            .min_by_key(|attachment| &attachment.network.spec.name)
            .and_then(Attachment::address)
    }
}

impl Attachment {
    fn address(&self) -> Option<Address> {
        let cidr = self.addresses.as_deref()?.first()?;
        Some(cidr.split('/').next().unwrap_or_default().into())
    }
}
