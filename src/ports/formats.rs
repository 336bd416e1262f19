//! Each format, written from the pools. Pure.

use std::net::IpAddr;

use serde::Serialize;

use super::Pools;
use crate::{
    port_ranges::{Ports, text},
    settings::Pool,
};

impl Pools {
    /// The ports of all pools.
    fn ports(&self) -> Ports {
        self.pools.iter().map(|pool| pool.ports.clone()).collect()
    }

    /// A line for each port, in the order of the settings.
    fn lines(&self, line: impl Fn(u16) -> String) -> String {
        self.pools.iter().flat_map(|pool| pool.ports.clone()).map(|port| line(port) + "\n").collect()
    }

    /// `10.0.0.1:` or `[2001:db8::1]:`, which a published port begins with; or nothing.
    fn published_at(&self) -> String {
        match self.address {
            None => String::new(),
            Some(IpAddr::V4(address)) => format!("{address}:"),
            Some(IpAddr::V6(address)) => format!("[{address}]:"),
        }
    }
}

/// In quotes, or YAML 1.1 would take a port below 60 for a part of a number to the base of 60.
pub(super) fn compose(pools: &Pools) -> String {
    let at = pools.published_at();
    pools.lines(|port| format!("- \"{at}{port}:{port}\""))
}

/// As in `deploy/rancher/managed-network`: not every Rancher 1.x understands a range.
pub(super) fn rancher(pools: &Pools) -> String {
    let at = pools.published_at();
    pools.lines(|port| format!("- \"{at}{port}:{port}/tcp\""))
}

/// In one variable, since the name of a service need not be that of a variable.
pub(super) fn env(pools: &Pools) -> String {
    format!("STALLS_PORTS={}\n", text(&pools.ports()))
}

/// A pool in [`json`].
#[derive(Serialize)]
struct Row {
    service: String,
    base_port: u16,
    ports: usize,
    bind_address: Option<IpAddr>,
    /// Whether the number of ports is an assumption.
    is_assumed: bool,
}

pub(super) fn json(pools: &Pools) -> serde_json::Result<String> {
    let row = |pool: &Pool| Row {
        service: pool.service.to_string(),
        base_port: *pool.ports.start(),
        ports: pool.ports.len(),
        bind_address: pools.address,
        is_assumed: pool.is_assumed,
    };
    let rows: Vec<_> = pools.pools.iter().map(row).collect();
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

/// The rule stands first in the chain, since the last one may reject. The table and the chain of Debian's
/// /etc/nftables.conf are made if they are missing, and then filter nothing.
pub(super) fn nft(pools: &Pools) -> String {
    let ports = text(&pools.ports()).replace(',', ", ");
    let address = match pools.address {
        None => String::new(),
        Some(IpAddr::V4(address)) => format!("ip daddr {address} "),
        Some(IpAddr::V6(address)) => format!("ip6 daddr {address} "),
    };
    format!(
        "add table inet filter\n\
         add chain inet filter input\n\
         insert rule inet filter input {address}tcp dport {{ {ports} }} accept comment \"stalls\"\n"
    )
}

/// With what is reserved already, since the setting replaces it.
pub(super) fn sysctl(pools: &Pools) -> String {
    let all = pools.ports().union(&pools.reserved).collect();
    format!("net.ipv4.ip_local_reserved_ports = {}\n", text(&all))
}

#[cfg(test)]
mod tests {
    use stalls_actors::domain::ServiceRef;

    use super::*;
    use crate::port_ranges::parse;

    fn pool(service: &str, ports: std::ops::RangeInclusive<u16>) -> Pool {
        let service = ServiceRef { stack: Some("app".to_owned()), service: service.to_owned() };
        Pool { service, ports, is_assumed: false }
    }

    fn pools(address: Option<&str>) -> Pools {
        Pools {
            pools: vec![pool("web", 5000..=5001), pool("game", 6000..=6000)],
            address: address.map(|address| address.parse().unwrap()),
            reserved: parse("80,5001-5003").unwrap(),
        }
    }

    #[test]
    fn compose_has_a_line_for_each_port_at_the_address() {
        assert_eq!(compose(&pools(None)), "- \"5000:5000\"\n- \"5001:5001\"\n- \"6000:6000\"\n");
        assert!(compose(&pools(Some("127.0.0.1"))).starts_with("- \"127.0.0.1:5000:5000\"\n"));
        assert!(compose(&pools(Some("::1"))).starts_with("- \"[::1]:5000:5000\"\n"));
    }

    #[test]
    fn rancher_has_the_protocol_too() {
        assert!(rancher(&pools(None)).starts_with("- \"5000:5000/tcp\"\n"));
        assert!(rancher(&pools(Some("10.0.0.1"))).starts_with("- \"10.0.0.1:5000:5000/tcp\"\n"));
    }

    #[test]
    fn env_is_one_variable_with_all_pools() {
        assert_eq!(env(&pools(None)), "STALLS_PORTS=5000-5001,6000\n");
    }

    #[test]
    fn json_has_an_object_for_each_pool() {
        let json: serde_json::Value = serde_json::from_str(&json(&pools(Some("::1"))).unwrap()).unwrap();
        assert_eq!(
            json[0],
            serde_json::json!({
                "service": "app/web", "base_port": 5000, "ports": 2, "bind_address": "::1", "is_assumed": false
            })
        );
        assert_eq!((&json[1]["base_port"], &json[1]["ports"]), (&6000.into(), &1.into()));
    }

    #[test]
    fn nft_accepts_the_ports_at_the_address() {
        let rule = |address| nft(&pools(address)).lines().last().unwrap().to_owned();
        let insert = "insert rule inet filter input";
        let accept = "tcp dport { 5000-5001, 6000 } accept comment \"stalls\"";
        assert_eq!(rule(None), format!("{insert} {accept}"));
        assert_eq!(rule(Some("10.0.0.1")), format!("{insert} ip daddr 10.0.0.1 {accept}"));
        assert_eq!(rule(Some("::1")), format!("{insert} ip6 daddr ::1 {accept}"));
    }

    #[test]
    fn sysctl_keeps_what_is_reserved() {
        assert_eq!(sysctl(&pools(None)), "net.ipv4.ip_local_reserved_ports = 80,5000-5003,6000\n");
    }
}
