//! Whether a port can be bound, found out before HAProxy has to.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{domain::Reason, shortage::is_shortage};

/// A port that cannot be bound, and why.
#[derive(Debug)]
pub struct Unbindable {
    /// The port.
    pub port: u16,
    /// The system's words.
    pub error: io::Error,
}

impl Unbindable {
    /// Why, and what would do.
    pub(super) fn reason(&self) -> Reason {
        let (kind, what_would_do) = match self.error.kind() {
            io::ErrorKind::AddrInUse => (
                "port_taken",
                "another program has it; `stalls doctor` tells which; end that, or choose another BASE_PORT",
            ),
            io::ErrorKind::PermissionDenied => (
                "port_forbidden",
                "this user may not bind it; grant CAP_NET_BIND_SERVICE, or choose a BASE_PORT above 1023",
            ),
            io::ErrorKind::AddrNotAvailable => {
                ("no_such_address", "this host does not have the address; check BIND_ADDRESS")
            }
            _ => {
                return Reason {
                    kind: cannot_bind().kind,
                    text: format!("it cannot be bound: {}", self.error).into(),
                };
            }
        };
        Reason::new(kind, format_args!("it cannot be bound: {}: {what_would_do}", self.error))
    }
}

/// Why a port cannot be bound of which no more is known.
pub(super) fn cannot_bind() -> Reason {
    Reason::new("cannot_bind", "it cannot be bound")
}

/// Those of `ports` that cannot be bound on `address` (`None`: every IPv4 address).
///
/// Bound as HAProxy does, but without SO_REUSEPORT: with it two programs of one user would share a port, and
/// its connections would be dealt out among them. Nothing listens meanwhile, so no client notices. Where there is no
/// descriptor to try it with, HAProxy finds out.
pub(super) fn unbindable(address: Option<IpAddr>, ports: impl Iterator<Item = u16>) -> Vec<Unbindable> {
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let probe = |port| {
        let error = bind(SocketAddr::new(address, port)).err().filter(|error| !is_shortage(error))?;
        Some(Unbindable { port, error })
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
        assert_eq!((found[0].port, found[0].error.kind()), (port, io::ErrorKind::AddrInUse));
        assert_eq!(unbindable(None, [port].into_iter()).len(), 1);
        drop(taken);
        assert!(unbindable(here, [port].into_iter()).is_empty());
    }
}
