//! Published ports, as Rancher writes them. Pure.

use std::ops::RangeInclusive;

use crate::metadata::PublishedUdp;

/// A port of a container, or a run of them, with what it is published as.
struct Published<'a> {
    protocol: &'a str,
    /// The host's side, where it is said.
    outer: Option<RangeInclusive<u16>>,
    /// The container's side.
    inner: RangeInclusive<u16>,
}

/// `5000`, `80:5000`, `10.0.0.1:80:5000`, each with an optional `/tcp`; a side may be a range, `5000-5063`.
fn parse(published: &str) -> Option<Published<'_>> {
    let (ports, protocol) = published.split_once('/').unwrap_or((published, "tcp"));
    let mut sides = ports.rsplit(':');
    let inner = range(sides.next()?)?;
    Some(Published { protocol, outer: sides.next().and_then(range), inner })
}

fn range(side: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = side.split_once('-').unwrap_or((side, side));
    let ports = first.parse().ok()?..=last.parse().ok()?;
    (!ports.is_empty()).then_some(ports)
}

/// The container's side of a port that is published over TCP.
pub(super) fn tcp_ports(published: &str) -> Option<RangeInclusive<u16>> {
    parse(published).filter(|published| published.protocol == "tcp").map(|published| published.inner)
}

/// Both sides of a port that is published over UDP.
pub(super) fn udp_ports(published: &str) -> Option<PublishedUdp> {
    let Published { outer, inner, .. } = parse(published).filter(|published| published.protocol == "udp")?;
    let ends = |ports: RangeInclusive<u16>| ports.into_inner();
    Some(PublishedUdp { text: published.to_owned(), outer: outer.map(ends), inner: ends(inner) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Mapping,
        testing::{mapping, web},
    };

    #[test]
    fn udp_ports_of_the_pool_or_like_the_backend_port_concern_a_mapping() {
        // Port 8080 of the containers on 5000 to 5063.
        let mapping = Mapping { port_count: None, ..mapping(&web(), 5000) };
        let concerns = |published: &str| udp_ports(published).is_some_and(|udp| udp.concerns(&mapping));
        for published in
            ["5000:7/udp", "7:5063/udp", "10.0.0.1:4999-5000:7-8/udp", "8080/udp", "9:8080-8081/udp"]
        {
            assert!(concerns(published), "{published}");
        }
        for published in [
            "5000:5000/tcp",
            "5000",
            "53:53/udp",
            "5064:7/udp",
            "4999:7/udp",
            "8081/udp",
            "x/udp",
            "/udp",
            "",
            "8080/UDP",
        ] {
            assert!(!concerns(published), "{published}");
        }
    }
}
