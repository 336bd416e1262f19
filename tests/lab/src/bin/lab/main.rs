//! The lab's parts as programs of their own, for containers: see deploy/compose.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use stalls_lab::{
    backend::Backends,
    client::{ConnectError, landing},
    metadata::{AddressPool, MetadataOptions, MetadataServer, World},
    registry::{Entry, Registry},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// How often a container tries to sign in while the metadata server is not there yet.
const PATIENCE: Duration = Duration::from_millis(100);

/// Plays one part of what stalls has around it.
#[derive(Debug, Parser)]
#[command(name = "stalls-lab", version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

/// Who it is.
#[derive(Debug, Subcommand)]
enum Part {
    /// Rancher's metadata service; it tells of the containers that sign in
    Metadata {
        /// Where stalls asks
        #[arg(long, default_value = "0.0.0.0:8080")]
        listen: SocketAddr,
        /// Where containers sign in
        #[arg(long, default_value = "0.0.0.0:8081")]
        registry: SocketAddr,
    },
    /// A container of the service app/web, which says who it is to whoever connects
    Container {
        /// The metadata's registry
        #[arg(long, default_value = "metadata:8081")]
        registry: String,
        /// The port that it listens on
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Says who is on each port of a pool
    Look {
        /// The address that the pool listens on
        #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
        address: Ipv4Addr,
        /// The pool's first port
        #[arg(long, default_value_t = 5000)]
        base: u16,
        /// How many ports to look at
        #[arg(long, default_value_t = 8)]
        count: u16,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // As PID 1 of a container it would otherwise not be ended by the signal.
    let mut terminated = signal(SignalKind::terminate())?;
    let part = async {
        match Arguments::parse().part {
            Part::Metadata { listen, registry } => metadata(listen, registry).await,
            Part::Container { registry, port } => container(&registry, port).await,
            Part::Look { address, base, count } => look(address, base, count).await,
        }
    };
    tokio::select! {
        ended = part => ended,
        _ = terminated.recv() => Ok(()),
    }
}

async fn metadata(listen: SocketAddr, registry: SocketAddr) -> anyhow::Result<()> {
    let nobody = World::new(AddressPool::new(Ipv4Addr::UNSPECIFIED, 0), 0);
    let mut options = MetadataOptions::new(nobody);
    options.listen = listen;
    // A restart begins with versions that nobody has seen.
    options.seed = fastrand::u64(..);
    let server = Arc::new(MetadataServer::start(options).await);
    let _registry =
        Registry::start(registry, server).await.with_context(|| format!("{registry} cannot be had"))?;
    std::future::pending().await
}

async fn container(registry: &str, port: u16) -> anyhow::Result<()> {
    // It listens first: whoever knows of it can connect.
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
    bail!("the metadata server has gone, and nobody knows of this container any more");
}

#[expect(clippy::print_stdout, reason = "what it sees is what it is asked for")]
async fn look(address: Ipv4Addr, base: u16, count: u16) -> anyhow::Result<()> {
    for port in (base..=u16::MAX).take(count.into()) {
        match landing((address, port).into()).await {
            Ok(landing) => println!("{port} {} {}", landing.name, landing.uuid),
            Err(ConnectError::Refused) => println!("{port} refused"),
            Err(error) => println!("{port} {error}"),
        }
    }
    Ok(())
}
