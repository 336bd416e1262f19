//! A client that connects, and prints which container it has reached.
#![expect(clippy::print_stdout, reason = "what it sees is what it is asked for")]

use std::net::{Ipv4Addr, ToSocketAddrs};

use anyhow::{Context, bail};
use stalls_lab::client::{ConnectError, landing};

/// Prints the container on each port of a pool.
pub(crate) async fn at_pool(address: Ipv4Addr, base: u16, count: u16) -> anyhow::Result<()> {
    for port in (base..=u16::MAX).take(count.into()) {
        match landing((address, port).into()).await {
            Ok(landing) => println!("{port} {} {}", landing.name, landing.uuid),
            Err(ConnectError::Refused) => println!("{port} refused"),
            Err(error) => println!("{port} {error}"),
        }
    }
    Ok(())
}

/// Prints the uuid of the container there.
pub(crate) async fn at_one(to: &str) -> anyhow::Result<()> {
    let addresses = to.to_socket_addrs().with_context(|| format!("{to} cannot be resolved"))?;
    let Some(address) = addresses.into_iter().next() else { bail!("{to} has no address") };
    println!("{}", landing(address).await?.uuid);
    Ok(())
}
