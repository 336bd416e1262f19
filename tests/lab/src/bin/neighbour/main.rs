//! Those whom stalls has around it, each as a program of its own: in containers, they are.

use std::{
    fs,
    net::{Ipv4Addr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use stalls_lab::{
    backend::{Backends, Identity},
    client::landing,
    metadata::{MetadataOptions, MetadataServer, Roster},
};
use tokio::time::sleep;

/// How often the metadata server looks whether its file says something else.
const LOOK: Duration = Duration::from_millis(10);

/// Plays a part in a container of its own.
#[derive(Debug, Parser)]
#[command(name = "stalls-neighbour", version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

/// Who it is.
#[derive(Debug, Subcommand)]
enum Part {
    /// The metadata service, which tells what a file says and follows its changes
    Metadata {
        /// A roster, as JSON; it is replaced as a whole
        file: PathBuf,
    },
    /// A container of the scaled service, which says who it is to whoever connects
    Backend {
        /// Where it listens
        port: u16,
        /// Its uuid
        uuid: String,
    },
    /// Somebody who connects, and prints the uuid of whom that led to
    Visitor {
        /// A name or an address, with the port
        to: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().part {
        Part::Metadata { file } => metadata(&file).await,
        Part::Backend { port, uuid } => backend(port, uuid).await,
        Part::Visitor { to } => visitor(&to).await,
    }
}

async fn metadata(file: &Path) -> anyhow::Result<()> {
    let mut told = roster(file)?;
    let mut options = MetadataOptions::new(told.world());
    options.listen = (Ipv4Addr::UNSPECIFIED, 80).into();
    // After a restart it must not take up the versions that it has given before.
    options.seed = fastrand::u64(..);
    let server = MetadataServer::start(options).await;
    loop {
        sleep(LOOK).await;
        let now = roster(file)?;
        if now != told {
            server.change(|world| *world = now.world());
            told = now;
        }
    }
}

fn roster(file: &Path) -> anyhow::Result<Roster> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

async fn backend(port: u16, uuid: String) -> anyhow::Result<()> {
    let mut backends = Backends::new();
    let name = uuid.clone();
    backends.start(Ipv4Addr::UNSPECIFIED, port, Identity { uuid, name }).await;
    std::future::pending().await
}

#[expect(clippy::print_stdout, reason = "what it has found is what it is asked for")]
async fn visitor(to: &str) -> anyhow::Result<()> {
    let addresses = to.to_socket_addrs().with_context(|| format!("{to} cannot be resolved"))?;
    let Some(address) = addresses.into_iter().next() else { bail!("{to} has no address") };
    println!("{}", landing(address).await?.uuid);
    Ok(())
}
