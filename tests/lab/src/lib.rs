//! The surroundings of stalls for the tests, the demo and the benchmarks.
//!
//! - [`metadata`]: a Rancher metadata server with the real one's quirks and with faults on demand
//! - [`kubernetes`]: a Kubernetes API server that lists and watches pods, with faults on demand, too
//! - [`backend`]: the "containers", which announce themselves to every client
//! - [`proxied`]: what they are told by the PROXY protocol, if they expect it
//! - [`backend_everywhere`]: one "container" at every loopback address at once, for pools of thousands
//! - [`client`] and [`load`]: clients that connect through HAProxy, one at a time and many at once
//! - [`stalls`]: the program under test, as a child process with its log
//! - [`haproxy`]: which HAProxy all of it runs with
//! - [`block`]: loopback addresses that no other test uses
//!
//! A test reserves a block of addresses, starts a metadata server and a fleet of backends on it,
//! launches stalls between them, and then changes the world and checks which container answers on which port:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use stalls_lab::{backend::Fleet, block::Block, client::await_landing, stalls::Launch};
//! # use stalls_lab::metadata::{MetadataOptions, MetadataServer, World};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let block = Block::reserve();
//! let mut options = MetadataOptions::new(World::new(block.container_addresses(), 3));
//! options.listen = (block.metadata_ip(), 0).into();
//! let server = MetadataServer::start(options).await;
//! let mut fleet = Fleet::new("app", "web", 8080);
//! fleet.sync(&server).await;
//! let stalls = Launch::new("target/debug/stalls", block.listen_ip(), &server.base_url()).start();
//!
//! let uuid = server.change(|world| world.web().replace(2));
//! fleet.sync(&server).await;
//! await_landing(block.listen(5001), &uuid, Duration::from_secs(5)).await?;
//! # drop(stalls);
//! # Ok(())
//! # }
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "test support: when the lab itself is broken, the test ends at once and says why"
)]

pub mod addresses;
pub mod backend;
pub mod backend_everywhere;
pub mod block;
pub mod client;
pub mod haproxy;
mod http;
mod ids;
pub mod kubernetes;
mod listening;
pub mod load;
pub mod metadata;
pub mod proxied;
pub mod stalls;
