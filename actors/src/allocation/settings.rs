//! What the allocator is to allocate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ListenAddresses;
use crate::{domain::Mapping, in_ns};

/// What the allocator is to allocate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AllocatorSettings {
    /// One for each mapping; the pools do not overlap.
    pub pools: Vec<PoolSettings>,
    /// Where stalls itself listens.
    pub listen: ListenAddresses,
    /// Whether containers may have loopback addresses.
    pub allow_loopback: bool,
    /// How long a freed slot is reserved for its last container; zero: not at all.
    #[serde(rename = "port_reuse_delay_ns", with = "in_ns")]
    pub port_reuse_delay: Duration,
    /// How long a container that is missing may linger; zero: not at all.
    #[serde(rename = "linger_ns", with = "in_ns")]
    pub linger: Duration,
}

/// A mapping, and how far its pool may grow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolSettings {
    /// What the operator asked for.
    pub mapping: Mapping,
    /// The most ports that the pool may grow to if the mapping does not give its size. More ports may be published.
    pub max_ports: u16,
    /// How many ports there are up to the next one that is used otherwise. Without PORT_COUNT, a pool never has more,
    /// also if more are published.
    pub room: u16,
}
