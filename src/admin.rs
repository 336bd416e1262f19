//! The admin server: the state of stalls over HTTP, read-only, without authentication. It listens on a socket in
//! `RUN_DIR`, for this user alone, and at `ADMIN_LISTEN`.
//!
//! `/healthz` is for a restart policy: does every actor respond, and does HAProxy run? A metadata fault is no reason to
//! restart, since the last good mapping serves on. `/readyz` is for a load balancer or a script that waits until stalls
//! serves.

mod endpoint;
mod health_probe;
mod health_response;
mod server;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use slog::Logger;
use tokio::sync::oneshot;

pub(crate) use self::health_probe::HealthProbe;

use self::endpoint::Endpoint;

/// Where an instance with this `RUN_DIR` listens.
pub(crate) fn socket_in(run_dir: &Path) -> PathBuf {
    run_dir.join("admin.sock")
}

/// The running admin server; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Admin {
    _stop: Vec<oneshot::Sender<()>>,
}

impl Admin {
    /// Serves the results of `probe` on the socket and at the address, as soon as each can be bound.
    pub(crate) fn start(
        run_dir: &Path,
        address: Option<SocketAddr>,
        probe: &HealthProbe,
        log: &Logger,
    ) -> Self {
        let socket = Endpoint::Socket(socket_in(run_dir));
        let endpoints = [Some(socket), address.map(Endpoint::Address)].into_iter().flatten();
        let start = |endpoint| {
            let (stop, stopped) = oneshot::channel();
            actix_rt::spawn(server::run(endpoint, probe.clone(), stopped, log.clone()));
            stop
        };
        Self { _stop: endpoints.map(start).collect() }
    }
}
