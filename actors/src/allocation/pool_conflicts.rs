//! Which pools cannot be served beside each other, or beside the admin address.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    ops::RangeInclusive,
};

use thiserror::Error;

use crate::domain::{DEFAULT_PORT_COUNT, Mapping};

/// Why a pool cannot be served.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PoolConflict<'a> {
    /// Its size extends it beyond port 65535.
    #[error(
        "the pool from port {} on may have at most {} ports, so that it ends at 65535",
        .mapping.base_port, .mapping.max_port_count()
    )]
    TooLarge {
        /// The pool.
        mapping: &'a Mapping,
        /// Its size.
        count: NonZeroU16,
    },
    /// It shares ports with another pool.
    #[error(
        "the pool {} of {} overlaps with the pool {} of {}",
        range(.later), .later.service, range(.earlier), .earlier.service
    )]
    Overlap {
        /// The pool that comes first in the list.
        earlier: &'a Mapping,
        /// The pool that overlaps with it.
        later: &'a Mapping,
    },
    /// The same port of the same service has another pool already.
    #[error(
        "port {} of {} is mapped twice, from {} and from {} on",
        .later.backend_port, .later.service, .earlier.base_port, .later.base_port
    )]
    Twice {
        /// The pool that comes first in the list.
        earlier: &'a Mapping,
        /// The other one.
        later: &'a Mapping,
    },
    /// It has the port of the admin address.
    #[error("is in the pool {} of {}", range(.mapping), .mapping.service)]
    AdminPort {
        /// The admin address.
        admin: SocketAddr,
        /// The pool.
        mapping: &'a Mapping,
    },
}

/// All conflicts between the mappings, and all pools that are too large.
pub fn conflicts(mappings: &[Mapping]) -> Vec<PoolConflict<'_>> {
    let too_large = mappings.iter().filter_map(too_large);
    let pairs = mappings
        .iter()
        .enumerate()
        .flat_map(|(i, later)| mappings[..i].iter().map(move |earlier| (earlier, later)));
    too_large.chain(pairs.flat_map(|(earlier, later)| between(earlier, later))).collect()
}

fn between<'a>(earlier: &'a Mapping, later: &'a Mapping) -> impl Iterator<Item = PoolConflict<'a>> {
    let is_twice = (&earlier.service, &earlier.backend_port) == (&later.service, &later.backend_port);
    let overlaps = overlap(&ports(earlier), &ports(later));
    let twice = is_twice.then_some(PoolConflict::Twice { earlier, later });
    twice.into_iter().chain(overlaps.then_some(PoolConflict::Overlap { earlier, later }))
}

/// The conflict with a listener on `admin`, if the pools are bound to `bind_address`.
pub fn admin_conflict(
    admin: SocketAddr,
    bind_address: Option<IpAddr>,
    mappings: &[Mapping],
) -> Option<PoolConflict<'_>> {
    // A pool without a size ends before the admin port, but cannot do without its first.
    let certain = |mapping: &Mapping| mapping.pool(mapping.port_count.map_or(1, NonZeroU16::get));
    let same_port = |mapping: &&Mapping| certain(mapping).contains(&admin.port());
    let pool = mappings.iter().find(same_port).filter(|_| binds_collide(admin.ip(), bind_address));
    pool.map(|mapping| PoolConflict::AdminPort { admin, mapping })
}

/// The ports that a pool reserves. A pool without a size, which is known only from the metadata, reserves the default
/// size, cut off at port 65535.
fn ports(mapping: &Mapping) -> RangeInclusive<u16> {
    mapping.pool(mapping.port_count.map_or(DEFAULT_PORT_COUNT, NonZeroU16::get))
}

fn range(mapping: &Mapping) -> String {
    let ports = ports(mapping);
    format!("{}-{}", ports.start(), ports.end())
}

fn too_large(mapping: &Mapping) -> Option<PoolConflict<'_>> {
    let count = mapping.port_count.filter(|count| count.get() > mapping.max_port_count())?;
    Some(PoolConflict::TooLarge { mapping, count })
}

fn overlap(a: &RangeInclusive<u16>, b: &RangeInclusive<u16>) -> bool {
    a.start() <= b.end() && b.start() <= a.end()
}

/// Whether one port cannot be bound to both `address` and `bind_address`, the address of the pools.
pub fn binds_collide(address: IpAddr, bind_address: Option<IpAddr>) -> bool {
    collide(address, bind_address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
}

/// Whether one port cannot be bound to both addresses. `::` covers both families.
fn collide(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    let covers = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V4(wide) => wide.is_unspecified() && narrow.is_ipv4(),
        IpAddr::V6(wide) => wide.is_unspecified(),
    };
    a == b || covers(a, b) || covers(b, a)
}

#[cfg(test)]
pub(super) mod tests {
    use crate::domain::{BackendPort, ServiceRef};

    use super::*;

    pub(crate) fn mapping(base_port: u16, port_count: Option<u16>) -> Mapping {
        Mapping {
            service: ServiceRef { stack: None, service: format!("s{base_port}") },
            backend_port: NonZeroU16::MIN.into(),
            base_port: NonZeroU16::new(base_port).unwrap(),
            port_count: port_count.and_then(NonZeroU16::new),
        }
    }

    #[test]
    fn a_pool_ends_at_65535() {
        assert!(conflicts(&[mapping(65500, Some(36))]).is_empty());
        let mappings = [mapping(65500, Some(37))];
        let too_large = PoolConflict::TooLarge { mapping: &mappings[0], count: NonZeroU16::new(37).unwrap() };
        assert_eq!(conflicts(&mappings), [too_large]);
        assert_eq!(
            too_large.to_string(),
            "the pool from port 65500 on may have at most 36 ports, so that it ends at 65535"
        );
        assert!(conflicts(&[mapping(1, Some(65535))]).is_empty());
        assert!(conflicts(&[mapping(65500, None)]).is_empty(), "a pool without a size is cut off");
    }

    #[test]
    fn pools_must_not_overlap() {
        let apart = [mapping(5000, Some(10)), mapping(5010, Some(10)), mapping(4990, Some(10))];
        assert!(conflicts(&apart).is_empty());
        let mappings = [mapping(5000, Some(11)), mapping(5010, Some(1))];
        let overlap = PoolConflict::Overlap { earlier: &mappings[0], later: &mappings[1] };
        assert_eq!(conflicts(&mappings), [overlap]);
        assert_eq!(
            overlap.to_string(),
            "the pool 5010-5010 of s5010 overlaps with the pool 5000-5010 of s5000"
        );
        assert_eq!(conflicts(&[mapping(5000, None), mapping(5063, None), mapping(5127, None)]).len(), 1);
        assert_eq!(conflicts(&[mapping(10, Some(9)), mapping(1, Some(100)), mapping(50, Some(1))]).len(), 2);
    }

    #[test]
    fn a_service_may_have_a_pool_for_each_of_its_ports_but_not_two_for_one() {
        let (web, again) = (mapping(5000, Some(1)), mapping(6000, Some(1)));
        let again = Mapping { service: web.service.clone(), ..again };
        let mappings = [web, again];
        let twice = PoolConflict::Twice { earlier: &mappings[0], later: &mappings[1] };
        assert_eq!(conflicts(&mappings), [twice]);
        assert_eq!(twice.to_string(), "port 1 of s5000 is mapped twice, from 5000 and from 6000 on");

        let [web, mut admin] = mappings;
        admin.backend_port = BackendPort::Name("admin".parse().unwrap());
        assert_eq!(conflicts(&[web.clone(), admin]), []);
        assert_eq!(conflicts(&[web.clone(), web]).len(), 2, "and they overlap");
    }

    #[test]
    fn the_admin_port_must_not_be_in_a_pool_on_the_same_address() {
        let pool = [mapping(8400, Some(10))];
        let conflict = |admin: &str, bind: Option<&str>| {
            let bind = bind.map(|bind| bind.parse().unwrap());
            admin_conflict(admin.parse().unwrap(), bind, &pool).is_some()
        };
        for (admin, bind) in [
            ("0.0.0.0:8405", None),
            ("127.0.0.1:8405", None),
            ("[::]:8405", None),
            ("0.0.0.0:8405", Some("::")),
            ("[::1]:8405", Some("::")),
            ("0.0.0.0:8405", Some("10.0.0.1")),
            ("10.0.0.1:8405", Some("10.0.0.1")),
            ("10.0.0.1:8405", Some("::ffff:10.0.0.1")),
        ] {
            assert!(conflict(admin, bind), "{admin} {bind:?}");
        }
        for (admin, bind) in [
            ("0.0.0.0:8399", None),
            ("0.0.0.0:8410", None),
            ("[::1]:8405", None),
            ("127.0.0.1:8405", Some("10.0.0.1")),
            ("0.0.0.0:8405", Some("fe80::1")),
        ] {
            assert!(!conflict(admin, bind), "{admin} {bind:?}");
        }
        // Its size is not known yet, and it grows up to the admin port only.
        let without_size =
            |base| admin_conflict("0.0.0.0:8405".parse().unwrap(), None, &[mapping(base, None)]).is_some();
        assert_eq!([8390, 8404, 8405, 8406].map(without_size), [false, false, true, false]);
    }
}
