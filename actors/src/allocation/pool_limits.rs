//! How far a pool without a size may grow.

use std::net::{IpAddr, SocketAddr};

use super::{PoolSettings, pool_conflicts::binds_collide};
use crate::domain::Mapping;

/// A container with a bogus index must not have every host bind tens of thousands of ports, at 15 to 20 kB each. A pool
/// with a size may have more.
const MAX_GROWN_PORTS: u16 = 10_000;

/// Of this many descriptors one may go to a port of a growing pool: the others are for connections.
const DESCRIPTORS_PER_PORT: u64 = 4;

/// Each mapping with the number of ports that its pool may grow to: up to the next pool or the admin port on its
/// addresses, as far as `descriptor_limit` allows.
pub fn pools(
    mappings: &[Mapping],
    bind_address: Option<IpAddr>,
    admin_listen: Option<SocketAddr>,
    descriptor_limit: u64,
) -> Vec<PoolSettings> {
    let growing = mappings.iter().filter(|other| other.port_count.is_none()).count().max(1) as u64;
    let affordable = u16::try_from(descriptor_limit / DESCRIPTORS_PER_PORT / growing).unwrap_or(u16::MAX);
    let pool = |mapping: &Mapping| {
        let room = room(mapping, mappings, bind_address, admin_listen);
        PoolSettings { mapping: mapping.clone(), max_ports: room.min(MAX_GROWN_PORTS).min(affordable), room }
    };
    mappings.iter().map(pool).collect()
}

/// How many ports there are up to the next one that is used otherwise; at least one.
fn room(
    mapping: &Mapping,
    mappings: &[Mapping],
    bind_address: Option<IpAddr>,
    admin_listen: Option<SocketAddr>,
) -> u16 {
    let base = mapping.base_port.get();
    let pools = mappings.iter().map(|other| other.base_port.get());
    let admin = admin_listen.filter(|admin| binds_collide(admin.ip(), bind_address));
    let next_used = pools.chain(admin.map(|admin| admin.port())).filter(|port| *port > base).min();
    next_used.map_or(mapping.max_port_count(), |port| port - base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::pool_conflicts::tests::mapping;

    fn limits(
        mappings: &[Mapping],
        admin: Option<&str>,
        bind: Option<&str>,
        descriptor_limit: u64,
    ) -> Vec<u16> {
        let (bind, admin) = (bind.map(|ip| ip.parse().unwrap()), admin.map(|admin| admin.parse().unwrap()));
        pools(mappings, bind, admin, descriptor_limit).iter().map(|pool| pool.max_ports).collect()
    }

    /// The limit of a single pool from this port on.
    fn limit(base_port: u16, admin: Option<&str>, bind: Option<&str>, descriptor_limit: u64) -> u16 {
        limits(&[mapping(base_port, None)], admin, bind, descriptor_limit)[0]
    }

    #[test]
    fn there_is_a_limit_even_without_neighbours() {
        assert_eq!(limit(5000, None, None, u64::MAX), MAX_GROWN_PORTS);
    }

    #[test]
    fn growth_ends_with_the_port_numbers() {
        assert_eq!(limit(65_000, None, None, u64::MAX), 536);
        assert_eq!(limit(65_535, None, None, u64::MAX), 1);
    }

    #[test]
    fn growth_ends_below_the_admin_port_on_the_same_address() {
        assert_eq!(limit(5000, Some("0.0.0.0:8405"), None, u64::MAX), 3405);
        assert_eq!(limit(5000, Some("127.0.0.1:8405"), Some("::"), u64::MAX), 3405);
        for (admin, bind) in [("0.0.0.0:4999", None), ("127.0.0.1:8405", Some("10.0.0.1"))] {
            assert_eq!(limit(5000, Some(admin), bind, u64::MAX), MAX_GROWN_PORTS, "{admin} {bind:?}");
        }
    }

    #[test]
    fn no_pool_without_a_size_reaches_the_admin_port_whatever_is_published() {
        let admin = Some("0.0.0.0:8405".parse().unwrap());
        let room = |base| pools(&[mapping(base, None)], None, admin, u64::MAX)[0].room;
        assert_eq!((room(8390), room(8404), room(8406)), (15, 1, 57_130));
    }

    #[test]
    fn growth_ends_below_the_next_pool() {
        let mappings = [mapping(6000, None), mapping(5000, None), mapping(5500, Some(10))];
        assert_eq!(limits(&mappings, None, None, u64::MAX), [MAX_GROWN_PORTS, 500, 500]);
    }

    #[test]
    fn most_descriptors_stay_for_connections() {
        assert_eq!(limit(5000, None, None, 1024), 256);
        assert_eq!(limit(5000, None, None, 3), 0);
        let mappings = [mapping(5000, None), mapping(20_000, None), mapping(40_000, Some(10))];
        assert_eq!(limits(&mappings, None, None, 1024)[..2], [128, 128], "two of them share");
    }
}
