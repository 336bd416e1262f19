//! The admin server: the state of stalls over HTTP, read-only, without authentication. It listens on a socket in
//! `RUN_DIR`, for this user alone, and at `ADMIN_LISTEN`.
//!
//! `/healthz` is for a restart policy: does every actor respond, and does HAProxy run? A metadata fault is no reason to
//! restart, since the last good mapping serves on. `/readyz` is for a load balancer or a script that waits until stalls
//! serves.

mod api;
mod endpoint;
mod error;
mod events;
mod health_probe;
mod health_response;
mod host_check;
mod mapping;
mod metrics;
mod openapi;
mod page;
mod routes;
mod server;
mod steering;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use slog::Logger;
use tokio::sync::oneshot;

pub(crate) use self::{
    api::Api,
    health_probe::{ActorReports, HealthProbe},
    host_check::AllowedHosts,
    steering::Steering,
};

use self::{endpoint::Endpoint, server::Served};

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
    /// Serves `api` on the socket and at the address, as soon as each can be bound; there by the names of `hosts` alone.
    pub(crate) fn start(
        run_dir: &Path,
        address: Option<SocketAddr>,
        api: &Api,
        hosts: &AllowedHosts,
        log: &Logger,
    ) -> Self {
        let socket = Endpoint::Socket(socket_in(run_dir));
        let endpoints = [Some(socket), address.map(Endpoint::Address)].into_iter().flatten();
        let served = Served { api: api.clone(), hosts: hosts.clone() };
        let start = |endpoint| {
            let (stop, stopped) = oneshot::channel();
            actix_rt::spawn(server::run(endpoint, served.clone(), stopped, log.clone()));
            stop
        };
        Self { _stop: endpoints.map(start).collect() }
    }
}
