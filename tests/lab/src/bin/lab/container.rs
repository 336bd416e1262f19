//! A container of the scaled service.

use std::net::Ipv4Addr;

use stalls_lab::backend::{Backends, Identity};
use tokio::net::TcpListener;

/// Tells every client who it is.
pub(crate) async fn named(port: u16, identity: Identity) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let mut backends = Backends::new();
    backends.serve(listener, identity);
    std::future::pending().await
}

/// The name of the machine, which an engine makes of the beginning of the container's id.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
