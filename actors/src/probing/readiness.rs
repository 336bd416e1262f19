//! Whether a container without a health check is ready: it is once it accepts a connection.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::Connect;

/// A container is on this host or on one beside it. One that takes longer is not ready.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How soon a container that did not accept is probed again: most accept within a second of their start.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// How many are probed at the same time: each takes a descriptor, and up to a second.
pub(super) const MAX_AT_ONCE: usize = 64;

/// Probes until the container accepts a connection, each time when there is a permit.
pub(super) async fn until_ready<C: Connect>(connect: Rc<C>, permits: Rc<Semaphore>, backend: SocketAddr) {
    let mut pause = FIRST_PAUSE;
    while !accepts(connect.as_ref(), &permits, backend).await {
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

async fn accepts<C: Connect>(connect: &C, permits: &Semaphore, backend: SocketAddr) -> bool {
    let _permit = permits.acquire().await;
    matches!(timeout(CONNECT_LIMIT, connect.connect(backend)).await, Ok(Ok(_)))
}
