//! The lab's parts as programs of their own, for containers: see `deploy/compose` and `tests/container`.

mod container;
mod look;
mod metadata;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Parser, Subcommand};
use stalls_lab::backend::Identity;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// Plays one part of the surroundings of stalls.
#[derive(Debug, Parser)]
#[command(name = "stalls-lab", version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

/// Which part it plays.
#[derive(Debug, Subcommand)]
enum Part {
    /// Rancher's metadata service
    Metadata {
        /// Where stalls asks
        #[arg(long, default_value = "0.0.0.0:8080")]
        listen: SocketAddr,
        /// The file with the containers that it tells of, as JSON. It is followed, and replaced as a whole
        #[arg(long)]
        roster: PathBuf,
    },
    /// A container of the scaled service, which says its name and uuid to every client
    Container {
        /// The port that it listens on
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Its uuid, if not the name of its machine
        #[arg(long, env = "LAB_UUID")]
        uuid: Option<String>,
        /// Its name, if not its uuid
        #[arg(long, env = "LAB_NAME")]
        name: Option<String>,
        /// How long it goes on after it was told to stop, in ms
        #[arg(long, default_value_t = 0)]
        grace: u64,
    },
    /// Prints the container on each port of a pool
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
    /// Prints the uuid of the container on one port
    Visit {
        /// A name or an address, with the port
        to: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // As PID 1 of a container it would otherwise not be ended by the signal.
    let mut terminated = signal(SignalKind::terminate())?;
    let part = Arguments::parse().part;
    let grace = if let Part::Container { grace, .. } = part { grace } else { 0 };
    let part = async {
        match part {
            Part::Metadata { listen, roster } => metadata::by_roster(listen, &roster).await,
            Part::Container { port, uuid, name, .. } => {
                let uuid = uuid.unwrap_or_else(container::host_name);
                let name = name.unwrap_or_else(|| uuid.clone());
                container::named(port, Identity { uuid, name }).await
            }
            Part::Look { address, base, count } => look::at_pool(address, base, count).await,
            Part::Visit { to } => look::at_one(&to).await,
        }
    };
    tokio::select! {
        ended = part => ended,
        () = async {
            terminated.recv().await;
            sleep(Duration::from_millis(grace)).await;
        } => Ok(()),
    }
}
