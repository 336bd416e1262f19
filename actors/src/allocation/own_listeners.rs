//! Rule 1: the addresses at which stalls itself listens. A container that is reached there would be HAProxy, connected to
//! itself (haproxy/haproxy#1356), or stalls' own health checks. Pure.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use serde::{Deserialize, Serialize};

/// Where stalls listens, but for the ports of the pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenAddresses {
    /// Where the ports of the pools are bound; `None` is every IPv4 address, `::` is every address.
    pub pools: Option<IpAddr>,
    /// Where the health checks are answered.
    pub admin: Option<SocketAddr>,
}

/// Which of these `backends` are stalls' own listeners, given the ports of all `pools` and which addresses are this
/// network namespace's.
pub(super) fn own_listeners(
    listen: ListenAddresses,
    pools: &[RangeInclusive<u16>],
    backends: impl Iterator<Item = SocketAddr>,
    is_local: impl Fn(IpAddr) -> bool,
) -> BTreeSet<SocketAddr> {
    let is_bound = |at: IpAddr, ip: IpAddr| match at.is_unspecified() {
        true => (at.is_ipv6() || ip.is_ipv4()) && is_local(ip),
        false => at == ip,
    };
    let any_ipv4 = IpAddr::from([0, 0, 0, 0]);
    let is_own = |backend: &SocketAddr| {
        let is_pools = pools.iter().any(|pool| pool.contains(&backend.port()));
        let admin = listen.admin.filter(|admin| admin.port() == backend.port());
        is_pools && is_bound(listen.pools.unwrap_or(any_ipv4), backend.ip())
            || admin.is_some_and(|admin| is_bound(admin.ip(), backend.ip()))
    };
    backends.filter(is_own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these are own listeners on a host that has 192.0.2.1 and 2001:db8::1, of a pool from 5000 to 5063.
    fn own(pools: Option<&str>, admin: Option<&str>, backends: &[&str]) -> Vec<String> {
        let listen = ListenAddresses {
            pools: pools.map(|ip| ip.parse().unwrap()),
            admin: admin.map(|address| address.parse().unwrap()),
        };
        let local = ["192.0.2.1", "2001:db8::1", "127.0.0.1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let backends = backends.iter().map(|backend| backend.parse().unwrap());
        let own = own_listeners(listen, &[5000..=5063], backends, |ip| local.contains(&ip));
        own.iter().map(ToString::to_string).collect()
    }

    const BACKENDS: [&str; 6] = [
        "192.0.2.1:5003",
        "192.0.2.1:5064",
        "192.0.2.9:5003",
        "192.0.2.1:8405",
        "[2001:db8::1]:5003",
        "127.0.0.1:8405",
    ];

    #[test]
    fn a_port_of_a_pool_is_an_own_listener_at_each_address_where_it_is_bound() {
        assert_eq!(own(None, None, &BACKENDS), ["192.0.2.1:5003"]);
        assert_eq!(own(Some("::"), None, &BACKENDS), ["192.0.2.1:5003", "[2001:db8::1]:5003"]);
        assert_eq!(own(Some("192.0.2.9"), None, &BACKENDS), ["192.0.2.9:5003"]);
    }

    #[test]
    fn so_is_the_admin_port() {
        let pools = Some("192.0.2.77");
        assert_eq!(own(pools, Some("0.0.0.0:8405"), &BACKENDS), ["127.0.0.1:8405", "192.0.2.1:8405"]);
        assert_eq!(own(pools, Some("127.0.0.1:8405"), &BACKENDS), ["127.0.0.1:8405"]);
        assert_eq!(own(pools, None, &BACKENDS), [] as [&str; 0]);
    }
}
