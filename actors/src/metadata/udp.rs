//! Ports that are published over UDP, which stalls does not forward. Pure.

use crate::domain::{DEFAULT_PORT_COUNT, Mapping};

/// A run of ports that is published over UDP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedUdp {
    /// As the source writes it.
    pub text: String,
    /// The first and the last port of the host's side, where that is said.
    pub outer: Option<(u16, u16)>,
    /// The first and the last port of the container's side.
    pub inner: (u16, u16),
}

impl PublishedUdp {
    /// Whether somebody may expect stalls to forward it: it is in the pool, on either side, or named like the backend
    /// port.
    pub(crate) fn concerns(&self, mapping: &Mapping) -> bool {
        let pool = mapping.pool(mapping.port_count.map_or(DEFAULT_PORT_COUNT, Into::into));
        let is_of_pool = |(first, last): (u16, u16)| first <= *pool.end() && *pool.start() <= last;
        let (first, last) = self.inner;
        mapping.backend_port.number().is_some_and(|port| (first..=last).contains(&port.get()))
            || is_of_pool(self.inner)
            || self.outer.is_some_and(is_of_pool)
    }
}
