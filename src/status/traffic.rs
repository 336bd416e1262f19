//! What HAProxy counts, asked for when somebody wants to see it, and at most once a second.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use stalls_actors::haproxy::{Traffic, UnixSocketApi, traffic};
use tokio::{sync::Mutex, time::Instant};

/// However many clients ask, HAProxy is asked once in this time.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The traffic of all ports as last seen; shared by all clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrafficCache(Arc<Mutex<Option<Seen>>>);

#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    socket: PathBuf,
    traffic: Arc<BTreeMap<u16, Traffic>>,
}

impl TrafficCache {
    /// The traffic of all ports of the HAProxy behind `socket`, a second old at most; empty if it does not answer.
    pub(crate) async fn all(&self, socket: &Path) -> Arc<BTreeMap<u16, Traffic>> {
        let mut seen = self.0.lock().await;
        if let Some(seen) = seen.as_ref().filter(|it| it.socket == socket && it.at.elapsed() < MAX_AGE) {
            return Arc::clone(&seen.traffic);
        }
        let all = traffic(&UnixSocketApi, socket.to_owned(), None).await.unwrap_or_default();
        let all = Arc::new(all);
        let now = Seen { at: Instant::now(), socket: socket.to_owned(), traffic: Arc::clone(&all) };
        *seen = Some(now);
        all
    }

    /// The traffic of one port.
    pub(crate) async fn of(&self, socket: &Path, port: u16) -> BTreeMap<u16, Traffic> {
        traffic(&UnixSocketApi, socket.to_owned(), Some(&[port].into())).await.unwrap_or_default()
    }
}
