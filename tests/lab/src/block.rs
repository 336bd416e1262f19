//! Loopback addresses that no other test uses at the same time.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::addresses::AddressPool;

/// How many containers a block has addresses for.
const CONTAINERS: u8 = 240;

/// The port of the socket that reserves a block; no other socket uses it.
const RESERVATION_PORT: u16 = 4242;

/// More blocks are never tried: by then nearly all of the 60,160 must be taken.
const ATTEMPTS: u32 = 100_000;

/// A network `127.a.b.0/24`, reserved until it is dropped.
///
/// The reservation is a socket that listens on one of the block's addresses, so it holds between
/// threads as well as between processes, and ends with the process however that ends.
#[derive(Debug)]
pub struct Block {
    network: [u8; 3],
    _reservation: TcpListener,
}

impl Block {
    /// Reserves a block that is free.
    ///
    /// # Panics
    ///
    /// When none can be had.
    pub fn reserve() -> Self {
        for _ in 0..ATTEMPTS {
            let network = [127, fastrand::u8(16..=250), fastrand::u8(..)];
            if let Ok(reservation) = TcpListener::bind((host(network, 254), RESERVATION_PORT)) {
                return Self { network, _reservation: reservation };
            }
        }
        panic!("none of {ATTEMPTS} blocks of loopback addresses was free");
    }

    /// Where HAProxy is to listen.
    pub fn listen_ip(&self) -> Ipv4Addr {
        host(self.network, 253)
    }

    /// One port of where HAProxy is to listen.
    pub fn listen(&self, port: u16) -> SocketAddr {
        (self.listen_ip(), port).into()
    }

    /// Where the metadata server is to listen.
    pub fn metadata_ip(&self) -> Ipv4Addr {
        host(self.network, 252)
    }

    /// The address of the `n`th container, from 1.
    ///
    /// # Panics
    ///
    /// When `n` is not in 1–240.
    pub fn container_ip(&self, n: u8) -> Ipv4Addr {
        assert!((1..=CONTAINERS).contains(&n), "a block has the containers 1 to {CONTAINERS}, not {n}");
        host(self.network, n)
    }

    /// All containers' addresses, for a [`World`](crate::metadata::World).
    pub fn container_addresses(&self) -> AddressPool {
        AddressPool::new(self.container_ip(1), CONTAINERS.into())
    }
}

fn host([a, b, c]: [u8; 3], d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_are_never_the_same() {
        let blocks: Vec<_> = (0..200).map(|_| Block::reserve()).collect();
        let ips: std::collections::BTreeSet<_> = blocks.iter().map(Block::listen_ip).collect();
        assert_eq!(ips.len(), blocks.len());
    }

    #[test]
    fn a_block_is_free_again_when_it_is_dropped() {
        let block = Block::reserve();
        let reservation = (host(block.network, 254), RESERVATION_PORT);
        assert!(TcpListener::bind(reservation).is_err());
        drop(block);
        assert!(TcpListener::bind(reservation).is_ok());
    }
}
