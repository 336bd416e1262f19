//! What a person reads of pools that cannot be served.

use std::net::SocketAddr;

use stalls_actors::mapping::Mapping;

use super::table::{ADMIN_LISTEN, BASE_PORT, PORT_COUNT};
use crate::{
    mistake::Mistake,
    pool_conflicts::{PoolConflict, ports},
};

/// The pools are wrong among themselves.
pub(super) fn conflict(conflict: PoolConflict<'_>) -> Mistake {
    match conflict {
        PoolConflict::TooLarge { mapping, count } => Mistake::wrong(
            PORT_COUNT.name,
            &count.to_string(),
            format_args!(
                "must be {} at most: from {} {} on, ports end at 65535",
                mapping.room(),
                BASE_PORT.name,
                mapping.base_port
            ),
        ),
        PoolConflict::Overlap { earlier, later } => Mistake::wrong(
            BASE_PORT.name,
            &later.base_port.to_string(),
            format_args!(
                "the pool {} of {} overlaps with the pool {} of {}; move one of them, or shrink it with {}",
                range(later),
                later.service,
                range(earlier),
                earlier.service,
                PORT_COUNT.name
            ),
        ),
    }
}

/// The admin address is one of the pool's.
pub(super) fn admin(admin: SocketAddr, pool: &Mapping) -> Mistake {
    Mistake::wrong(
        ADMIN_LISTEN.name,
        &admin.to_string(),
        format_args!("is a port of the pool {}; choose one outside of it, or off", range(pool)),
    )
}

fn range(mapping: &Mapping) -> String {
    let ports = ports(mapping);
    format!("{}-{}", ports.start(), ports.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool_conflicts::{conflicts, tests::mapping};

    fn told(mappings: &[Mapping]) -> Vec<String> {
        conflicts(mappings).into_iter().map(|found| conflict(found).to_string()).collect()
    }

    #[test]
    fn a_pool_past_the_last_port_is_told_how_large_it_may_be() {
        assert_eq!(
            told(&[mapping(65500, Some(37))]),
            [r#"PORT_COUNT="37": must be 36 at most: from BASE_PORT 65500 on, ports end at 65535"#]
        );
    }

    #[test]
    fn pools_that_overlap_are_both_told() {
        assert_eq!(
            told(&[mapping(5000, Some(11)), mapping(5010, Some(1))]),
            ["BASE_PORT=\"5010\": the pool 5010-5010 of s5010 overlaps with the pool 5000-5010 of s5000; \
              move one of them, or shrink it with PORT_COUNT"]
        );
    }
}
