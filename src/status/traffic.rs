//! What HAProxy counts, asked for when somebody wants to see it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use stalls_actors::haproxy::{ProcessInfo, Traffic, UnixSocketApi, process_info, traffic};

use super::cached::Cached;

/// The traffic as last seen; shared by all clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrafficCache {
    ports: Cached<Arc<BTreeMap<u16, Traffic>>>,
    total: Cached<Option<ProcessInfo>>,
}

impl TrafficCache {
    /// The traffic of all ports of the HAProxy behind `socket`, a second old at most; empty if it does not answer.
    pub(crate) async fn all(&self, socket: &Path) -> Arc<BTreeMap<u16, Traffic>> {
        let ask = async { traffic(&UnixSocketApi, socket.to_owned(), None).await.unwrap_or_default().into() };
        self.ports.get(socket, ask).await
    }

    /// The traffic of one port.
    pub(crate) async fn of(&self, socket: &Path, port: u16) -> BTreeMap<u16, Traffic> {
        traffic(&UnixSocketApi, socket.to_owned(), Some(&[port].into())).await.unwrap_or_default()
    }

    /// The numbers of the whole process, a second old at most; `None` if it does not answer.
    pub(crate) async fn total(&self, socket: &Path) -> Option<ProcessInfo> {
        self.total.get(socket, async { process_info(&UnixSocketApi, socket.to_owned()).await.ok() }).await
    }
}
