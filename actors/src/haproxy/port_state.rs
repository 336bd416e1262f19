//! What the live HAProxy does with each port.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use crate::config::HaproxyConfig;

/// One port of the live HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PortState {
    /// Where new connections go.
    pub(super) server: SocketAddr,
    /// Where it led before somebody else led it elsewhere: most of its connections go there.
    pub(super) displaced: Option<SocketAddr>,
    /// Whether its server may be used.
    pub(super) is_ready: bool,
    /// Whether it listens.
    pub(super) is_open: bool,
    /// Whether a health check finds its server down, so that new connections are closed at once.
    pub(super) is_down: bool,
    /// Whether it has as many connections as it may have.
    pub(super) is_full: bool,
}

/// All its ports.
pub(super) type Ports = BTreeMap<u16, PortState>;

impl PortState {
    /// A port that leads to `server`.
    pub(super) fn used(server: SocketAddr) -> Self {
        Self { server, displaced: None, is_ready: true, is_open: true, is_down: false, is_full: false }
    }

    /// A port that refuses; whatever it led to last is of no account.
    pub(super) fn free(server: SocketAddr) -> Self {
        Self { server, displaced: None, is_ready: false, is_open: false, is_down: false, is_full: false }
    }

    /// Whether this is what `route` asks for.
    pub(super) fn serves(&self, route: Option<SocketAddr>) -> bool {
        match route {
            Some(server) => self.server == server && self.is_ready && self.is_open,
            None => !self.is_open && !self.is_ready,
        }
    }

    /// Whether both lead to the same server in the same way, or both are free.
    pub(super) fn does_the_same_as(&self, other: &Self) -> bool {
        let does = |slot: &Self| (slot.server, slot.is_ready, slot.is_open);
        does(self) == does(other) || self.serves(None) && other.serves(None)
    }

    /// The server that we had led it to.
    pub(super) fn was_led_to(&self) -> SocketAddr {
        self.displaced.unwrap_or(self.server)
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.serves(None) {
            return f.write_str("refuses");
        }
        write!(f, "{}", self.server)?;
        f.write_str(if self.is_ready { "" } else { ", not to be used" })?;
        f.write_str(if self.is_open { "" } else { ", refuses" })
    }
}

/// The ports of a HAProxy that was started with `config`, once its free ones are closed.
pub(super) fn ports_of(config: &HaproxyConfig) -> Ports {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let state =
        |server: &Option<SocketAddr>| server.map_or_else(|| PortState::free(nowhere), PortState::used);
    config.routes.iter().map(|(port, server)| (*port, state(server))).collect()
}
