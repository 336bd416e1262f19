//! The admin server: the state of stalls over HTTP, read-only, without authentication.
//!
//! `/healthz` is for a restart policy: does every actor respond, and does HAProxy run? A metadata fault is no reason to
//! restart, since the last good mapping serves on. `/readyz` is for a load balancer or a script that waits until stalls
//! serves.

mod health_probe;
mod health_response;
mod server;

use std::net::SocketAddr;

use slog::Logger;
use tokio::sync::oneshot;

pub(crate) use self::health_probe::HealthProbe;

/// The running admin server; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Admin {
    _stop: oneshot::Sender<()>,
}

impl Admin {
    /// Serves the results of `probe` at `address`, as soon as that can be bound.
    pub(crate) fn start(address: SocketAddr, probe: HealthProbe, log: Logger) -> Self {
        let (stop, stopped) = oneshot::channel();
        actix_rt::spawn(server::run(address, probe, stopped, log));
        Self { _stop: stop }
    }
}
