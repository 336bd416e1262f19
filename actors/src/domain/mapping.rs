//! What the operator asks for: which service's containers go to which run of ports.

use std::{num::NonZeroU16, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::{BackendPort, ServiceRef};

/// The size of a pool when neither the settings nor the published ports say one.
pub const DEFAULT_PORT_COUNT: u16 = 64;

/// One service's containers on one run of ports: slot *k* (from 0) is port `base_port + k`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mapping {
    /// The service whose containers are mapped.
    pub service: ServiceRef,
    /// The port that each container listens on.
    pub backend_port: BackendPort,
    /// The port of slot 0.
    pub base_port: NonZeroU16,
    /// How many ports the pool has; `None` leaves it to what stalls' own service publishes, and to need.
    pub port_count: Option<NonZeroU16>,
}

impl Mapping {
    /// How many port numbers there are from the base port on: 1 to 65535.
    pub fn max_port_count(&self) -> u16 {
        // From port 1 on there are 65535.
        u16::MAX - self.base_port.get() + 1
    }

    /// The ports of a pool of `count` slots, cut off at 65535.
    pub fn pool(&self, count: u16) -> RangeInclusive<u16> {
        let base = self.base_port.get();
        base..=base.saturating_add(count.saturating_sub(1))
    }
}
