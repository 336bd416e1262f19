//! Pool conflicts as errors of settings.

use std::net::SocketAddr;

use stalls_actors::mapping::Mapping;

use super::table::{ADMIN_LISTEN, BASE_PORT, PORT_COUNT};
use crate::{
    config_error::ConfigError,
    pool_conflicts::{PoolConflict, ports},
};

/// The error of pools that cannot be served beside each other.
pub(super) fn conflict(conflict: PoolConflict<'_>) -> ConfigError {
    match conflict {
        PoolConflict::TooLarge { mapping, count } => ConfigError::wrong(
            PORT_COUNT.name,
            &count.to_string(),
            format_args!(
                "must be at most {}, so that the pool from {} {} on ends at 65535",
                mapping.room(),
                BASE_PORT.name,
                mapping.base_port
            ),
        ),
        PoolConflict::Overlap { earlier, later } => ConfigError::wrong(
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

/// The error of an admin address whose port is in `pool`.
pub(super) fn admin(admin: SocketAddr, pool: &Mapping) -> ConfigError {
    ConfigError::wrong(
        ADMIN_LISTEN.name,
        &admin.to_string(),
        format_args!("is in the pool {}; choose a port outside of it, or off", range(pool)),
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

    fn errors(mappings: &[Mapping]) -> Vec<String> {
        conflicts(mappings).into_iter().map(|found| conflict(found).to_string()).collect()
    }

    #[test]
    fn the_error_of_a_pool_past_the_last_port_says_how_large_it_may_be() {
        assert_eq!(
            errors(&[mapping(65500, Some(37))]),
            [
                r#"PORT_COUNT="37": must be at most 36, so that the pool from BASE_PORT 65500 on ends at 65535"#
            ]
        );
    }

    #[test]
    fn the_error_of_overlapping_pools_names_both() {
        assert_eq!(
            errors(&[mapping(5000, Some(11)), mapping(5010, Some(1))]),
            ["BASE_PORT=\"5010\": the pool 5010-5010 of s5010 overlaps with the pool 5000-5010 of s5000; \
              move one of them, or shrink it with PORT_COUNT"]
        );
    }
}
