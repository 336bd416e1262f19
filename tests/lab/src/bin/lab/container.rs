//! A container of the scaled service.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::bail;
use stalls_lab::{
    backend::{Backends, Identity},
    registry::Entry,
};
use tokio::{net::TcpListener, time::sleep};

/// How often it tries to sign in while the metadata server is not there yet.
const PATIENCE: Duration = Duration::from_millis(100);

/// It learns its name and uuid from the metadata server's registry.
pub(crate) async fn signed_in(registry: &str, port: u16) -> anyhow::Result<()> {
    // It listens first: every client that knows of it can connect.
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let (mut entry, identity) = loop {
        match Entry::sign_in(registry).await {
            Ok(signed_in) => break signed_in,
            Err(_) => sleep(PATIENCE).await,
        }
    };
    let mut backends = Backends::new();
    backends.serve(listener, identity);
    entry.ended().await;
    bail!("the metadata server has gone, so this container is no longer listed");
}

/// It is called so, and is listed already.
pub(crate) async fn named(port: u16, identity: Identity) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let mut backends = Backends::new();
    backends.serve(listener, identity);
    std::future::pending().await
}
