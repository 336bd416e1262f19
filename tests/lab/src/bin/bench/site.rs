//! Where everything is: the ports that HAProxy listens on, and the addresses that containers have.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use stalls_lab::{addresses::AddressPool, block::Block};

/// The port of the first container.
const BASE_PORT: u16 = 5000;

/// Containers get these addresses, which no [`Block`] has; every one of them is answered.
const FIRST_CONTAINER: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
const CONTAINERS: u32 = 12 << 16;

/// What every run has in common.
#[derive(Debug)]
pub(crate) struct Common {
    /// The stalls to measure.
    pub(crate) stalls: PathBuf,
    /// Another build of it to measure beside it, if there is one.
    pub(crate) before: Option<PathBuf>,
    /// Whether stalls is measured while it is looked at, too.
    pub(crate) watched: bool,
    /// The HAProxy to measure with.
    pub(crate) haproxy: PathBuf,
    /// The template that makes each change a reload.
    pub(crate) reload_template: PathBuf,
    /// Where each way has its directories.
    pub(crate) directories: PathBuf,
    /// The port that every container listens on.
    pub(crate) backend_port: u16,
}

/// The loopback addresses of one run, reserved until it ends.
#[derive(Debug)]
pub(crate) struct Site {
    block: Block,
    pub(crate) ports: u16,
}

impl Site {
    pub(crate) fn reserve(ports: u16) -> Self {
        Self { block: Block::reserve(), ports }
    }

    pub(crate) fn base_port(&self) -> u16 {
        BASE_PORT
    }

    pub(crate) fn listen_ip(&self) -> Ipv4Addr {
        self.block.listen_ip()
    }

    pub(crate) fn metadata_ip(&self) -> Ipv4Addr {
        self.block.metadata_ip()
    }

    /// Where the container with this index, from 1, is to be reached.
    pub(crate) fn listen(&self, index: u16) -> SocketAddr {
        self.block.listen(BASE_PORT + index - 1)
    }

    pub(crate) fn container_addresses(&self) -> AddressPool {
        AddressPool::new(FIRST_CONTAINER, CONTAINERS)
    }

    /// The address that the container with this index has before anything changes.
    pub(crate) fn container(&self, index: u16) -> Ipv4Addr {
        Ipv4Addr::from_bits(FIRST_CONTAINER.to_bits() + u32::from(index) - 1)
    }
}
