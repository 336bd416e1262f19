//! What all servers of a configuration have in common.

use serde::Serialize;

use super::ListenSettings;
use crate::domain::ProxyProtocol;

/// How HAProxy treats every container. Part of the frame: a running HAProxy cannot be told to change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Servers {
    /// The keyword that has HAProxy begin each connection with the PROXY protocol.
    pub(super) send_proxy: Option<&'static str>,
    /// How often HAProxy connects to each container, in milliseconds; absent when it does not.
    pub(super) health_check_interval_ms: Option<u64>,
}

impl Servers {
    pub(super) fn new(settings: &ListenSettings) -> Self {
        Self {
            send_proxy: settings.send_proxy.map(keyword),
            health_check_interval_ms: settings.health_check.map(|interval| interval.as_millis() as u64),
        }
    }
}

/// What HAProxy calls it.
pub(super) fn keyword(version: ProxyProtocol) -> &'static str {
    match version {
        ProxyProtocol::V1 => "send-proxy",
        ProxyProtocol::V2 => "send-proxy-v2",
    }
}
