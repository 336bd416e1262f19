//! Whether a port can be bound, found out before HAProxy has to.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::shortage::is_shortage;

/// A port that cannot be bound, and why.
#[derive(Debug)]
pub struct Unbindable {
    /// The port.
    pub port: u16,
    /// The system's words.
    pub reason: io::Error,
}

/// Those of `ports` that cannot be bound on `address` (`None`: every IPv4 address).
///
/// Bound as HAProxy does, but without SO_REUSEPORT: with it two programs of one user would share a port, and
/// its connections would be dealt out among them. Nothing listens meanwhile, so no client notices. Where there is no
/// descriptor to try it with, HAProxy finds out.
pub(super) fn unbindable(address: Option<IpAddr>, ports: impl Iterator<Item = u16>) -> Vec<Unbindable> {
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let probe = |port| {
        let reason = bind(SocketAddr::new(address, port)).err().filter(|reason| !is_shortage(reason))?;
        Some(Unbindable { port, reason })
    };
    ports.filter_map(probe).collect()
}

fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_that_another_program_listens_on_is_found() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let here = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let found = unbindable(here, [port].into_iter());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].port, found[0].reason.kind()), (port, io::ErrorKind::AddrInUse));
        assert_eq!(unbindable(None, [port].into_iter()).len(), 1);
        drop(taken);
        assert!(unbindable(here, [port].into_iter()).is_empty());
    }
}
