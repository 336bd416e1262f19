//! Where a task is reached. Pure.
//!
//! If the service publishes the backend port in the mode `host`, each task is at its node's address, on the port that the
//! node has chosen. Everything reaches it there. Otherwise it is at its address in an overlay network, which only
//! containers in that network reach.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};

use super::answer::{Attachment, Node, Task};
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

impl Task {
    /// The port on its node that leads to this port of its own.
    pub(super) fn host_port(&self, backend_port: NonZeroU16) -> Option<NonZeroU16> {
        let ports = self.status.port_status.ports.as_deref().unwrap_or_default();
        let leads_there = |protocol: &str, target| protocol == "tcp" && target == backend_port.get();
        let mut ports = ports.iter().filter(|port| leads_there(&port.protocol, port.target_port));
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
