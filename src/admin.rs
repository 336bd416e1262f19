//! The admin address: what stalls tells of itself over HTTP, to whoever can reach it. It can only be read.
//!
//! `/healthz` is for whoever restarts what is broken: is every part of stalls at work, and HAProxy too? That the
//! metadata is away is no reason to restart anything, since the last good mapping serves on. `/readyz` is for whoever
//! waits until stalls serves.

mod answer;
mod inquiry;
mod server;

use std::net::SocketAddr;

use slog::Logger;
use tokio::sync::oneshot;

pub(crate) use self::inquiry::Inquiry;

/// The admin side at work; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Admin {
    _ends_it: oneshot::Sender<()>,
}

impl Admin {
    /// Answers at `address` with what an `inquiry` yields, from now on or as soon as the address can be had.
    pub(crate) fn start(address: SocketAddr, inquiry: Inquiry, log: Logger) -> Self {
        let (ends_it, end) = oneshot::channel();
        actix_rt::spawn(server::run(address, inquiry, end, log));
        Self { _ends_it: ends_it }
    }
}
