//! What stalls' own container publishes, if it is in one.

use std::fs;

use super::summary::{ContainerSummary, PortSummary};
use crate::{
    domain::PublishedPorts,
    metadata::{OwnPorts, PublishedUdp},
};

/// An engine names a container that is given no name of its own by so many digits of its id.
const ID_DIGITS: usize = 12;

/// The beginning of the id of the container that this process is in, by its host name.
pub(super) fn own_id() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim_end();
    let is_id = name.len() == ID_DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| name.to_owned())
}

/// What the container with this id publishes.
pub(super) fn published(listed: &[ContainerSummary], own_id: Option<&str>) -> OwnPorts {
    let is_own = |listed: &&ContainerSummary| {
        own_id.is_some_and(|own| listed.id.as_ref().is_some_and(|id| id.starts_with(own)))
    };
    let Some(own) = listed.iter().find(is_own) else { return OwnPorts::default() };
    let published = ports(own, "tcp").filter(|port| port.public_port.is_some());
    let tcp = PublishedPorts(published.map(|port| port.private_port..=port.private_port).collect());
    OwnPorts { tcp, udp: udp_ports(own).collect() }
}

/// What a container publishes over UDP.
pub(super) fn udp_ports(listed: &ContainerSummary) -> impl Iterator<Item = PublishedUdp> {
    ports(listed, "udp").filter_map(|port| {
        let (outer, inner) = (port.public_port?, port.private_port);
        let text = format!("{outer}:{inner}/udp");
        Some(PublishedUdp { text, outer: Some((outer, outer)), inner: (inner, inner) })
    })
}

fn ports<'a>(listed: &'a ContainerSummary, protocol: &'a str) -> impl Iterator<Item = &'a PortSummary> {
    listed.ports.iter().flatten().filter(move |port| port.protocol.as_deref() == Some(protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(private_port: u16, public_port: Option<u16>, protocol: &str) -> PortSummary {
        PortSummary { private_port, public_port, protocol: Some(protocol.into()) }
    }

    #[test]
    fn only_what_the_own_container_publishes_counts() {
        let ports = vec![
            port(5000, Some(80), "tcp"),
            port(5001, Some(81), "tcp"),
            port(5003, None, "tcp"),
            port(5002, Some(82), "udp"),
        ];
        let own = ContainerSummary {
            id: Some("0123456789abcdef".into()),
            ports: Some(ports),
            ..Default::default()
        };
        let other = ContainerSummary { id: Some("ff".into()), ..own.clone() };
        let listed = [other, own];
        let published = published(&listed, Some("0123456789ab"));
        assert_eq!(published.tcp.run_from(5000), Some(2));
        assert_eq!(published.udp.iter().map(|udp| &*udp.text).collect::<Vec<_>>(), ["82:5002/udp"]);
        assert_eq!(super::published(&listed, Some("0000")), OwnPorts::default());
        assert_eq!(super::published(&listed, None), OwnPorts::default());
    }
}
