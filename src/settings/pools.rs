//! Whether the ports of all mappings and of the admin address can stand beside each other.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    ops::RangeInclusive,
};

use stalls_actors::mapping::{DEFAULT_PORT_COUNT, Mapping};

use super::table;
use crate::mistake::Mistake;

/// What is wrong with the pools among themselves.
pub(super) fn mistakes(mappings: &[Mapping]) -> Vec<Mistake> {
    let too_long = mappings.iter().filter_map(runs_past_the_last_port);
    let pairs = mappings
        .iter()
        .enumerate()
        .flat_map(|(i, mapping)| mappings[..i].iter().filter_map(move |earlier| overlap(earlier, mapping)));
    too_long.chain(pairs).collect()
}

/// What is wrong with the admin address beside the pools, which listen on `bind_address`.
pub(super) fn admin_mistake(
    admin: SocketAddr,
    bind_address: Option<IpAddr>,
    mappings: &[Mapping],
) -> Option<Mistake> {
    if !listen_together(admin.ip(), bind_address) {
        return None;
    }
    let pool = mappings.iter().map(pool).find(|pool| pool.contains(&admin.port()))?;
    Some(Mistake::wrong(
        table::ADMIN_LISTEN.name,
        &admin.to_string(),
        format_args!("is a port of the pool {}; choose one outside of it, or off", show(&pool)),
    ))
}

/// The ports to keep clear. Without a size it is not known before the metadata is: then the usual size
/// counts, cut off at 65535.
fn pool(mapping: &Mapping) -> RangeInclusive<u16> {
    mapping.pool(mapping.port_count.map_or(DEFAULT_PORT_COUNT, NonZeroU16::get))
}

fn runs_past_the_last_port(mapping: &Mapping) -> Option<Mistake> {
    let count = mapping.port_count?.get();
    let room = mapping.room();
    (count > room).then(|| {
        Mistake::wrong(
            table::PORT_COUNT.name,
            &count.to_string(),
            format_args!(
                "must be {room} at most: from {} {} on, ports end at 65535",
                table::BASE_PORT.name,
                mapping.base_port
            ),
        )
    })
}

fn overlap(earlier: &Mapping, later: &Mapping) -> Option<Mistake> {
    let (a, b) = (pool(earlier), pool(later));
    let apart = a.end() < b.start() || b.end() < a.start();
    (!apart).then(|| {
        Mistake::wrong(
            table::BASE_PORT.name,
            &later.base_port.to_string(),
            format_args!(
                "the pool {} of {} overlaps with the pool {} of {}; move one of them, or shrink it with {}",
                show(&b),
                later.service,
                show(&a),
                earlier.service,
                table::PORT_COUNT.name
            ),
        )
    })
}

fn show(pool: &RangeInclusive<u16>) -> String {
    format!("{}-{}", pool.start(), pool.end())
}

/// Whether a port of the pools, which listen on `bind_address`, could not be listened on at `address` too.
pub(super) fn listen_together(address: IpAddr, bind_address: Option<IpAddr>) -> bool {
    meet(address, bind_address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
}

/// Whether listening on one port of both addresses is a conflict. `::` takes both families.
fn meet(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    let takes = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V4(wide) => wide.is_unspecified() && narrow.is_ipv4(),
        IpAddr::V6(wide) => wide.is_unspecified(),
    };
    a == b || takes(a, b) || takes(b, a)
}

#[cfg(test)]
pub(super) mod tests {
    use stalls_actors::mapping::ServiceRef;

    use super::*;

    pub(in super::super) fn mapping(base_port: u16, port_count: Option<u16>) -> Mapping {
        Mapping {
            service: ServiceRef { stack: None, service: format!("s{base_port}") },
            backend_port: NonZeroU16::MIN,
            base_port: NonZeroU16::new(base_port).unwrap(),
            port_count: port_count.and_then(NonZeroU16::new),
        }
    }

    fn told(mappings: &[Mapping]) -> Vec<String> {
        mistakes(mappings).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_pool_ends_at_65535() {
        assert!(told(&[mapping(65500, Some(36))]).is_empty());
        assert_eq!(
            told(&[mapping(65500, Some(37))]),
            [r#"PORT_COUNT="37": must be 36 at most: from BASE_PORT 65500 on, ports end at 65535"#]
        );
        assert!(told(&[mapping(1, Some(65535))]).is_empty());
        assert!(told(&[mapping(65500, None)]).is_empty(), "a pool without a size is cut off");
    }

    #[test]
    fn pools_stand_apart() {
        assert!(
            told(&[mapping(5000, Some(10)), mapping(5010, Some(10)), mapping(4990, Some(10))]).is_empty()
        );
        assert_eq!(
            told(&[mapping(5000, Some(11)), mapping(5010, Some(1))]),
            ["BASE_PORT=\"5010\": the pool 5010-5010 of s5010 overlaps with the pool 5000-5010 of s5000; \
              move one of them, or shrink it with PORT_COUNT"]
        );
        assert_eq!(told(&[mapping(5000, None), mapping(5063, None), mapping(5127, None)]).len(), 1);
        assert_eq!(told(&[mapping(10, Some(9)), mapping(1, Some(100)), mapping(50, Some(1))]).len(), 2);
    }

    #[test]
    fn the_admin_port_is_not_a_pools_port_where_both_would_listen() {
        let pool = [mapping(8400, Some(10))];
        let conflict = |admin: &str, bind: Option<&str>| {
            let bind = bind.map(|bind| bind.parse().unwrap());
            admin_mistake(admin.parse().unwrap(), bind, &pool).is_some()
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
    }
}
