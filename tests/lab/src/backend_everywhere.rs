//! One "container" at every loopback address at once.

use std::{io, net::Ipv4Addr};

use tokio::net::TcpSocket;

use crate::{backend::announce_and_echo, listening::Listening};

/// Only what comes over the loopback interface is let in.
const LOOPBACK_INTERFACE: &[u8] = b"lo";

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// A backend that is reached at each loopback address, on a port of its own.
///
/// It does what a [backend](crate::backend::Backends) does, with the address at which it was reached in the
/// place of the uuid. Thousands of containers then need no more than one listening socket, and one that is
/// new has nothing to start.
#[derive(Debug)]
pub struct BackendEverywhere {
    listening: Listening,
}

impl BackendEverywhere {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When it cannot listen.
    pub fn start() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind_device(Some(LOOPBACK_INTERFACE))?;
        socket.bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        let listening = Listening::on(socket.listen(BACKLOG)?, |stream, _| async move {
            // A connection ends with a reset: the tables in which the system keeps those that end in good order,
            // for minutes, would overflow when thousands come in a second.
            if let (Ok(reached), Ok(())) = (stream.local_addr(), stream.set_zero_linger()) {
                // A client may go away at any time.
                let _ = announce_and_echo(stream, &format!("{} everywhere\n", reached.ip())).await;
            }
        })?;
        Ok(Self { listening })
    }

    /// The port, the same at each address.
    pub fn port(&self) -> u16 {
        self.listening.address().port()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{block::Block, client::Held};

    #[tokio::test]
    async fn it_says_at_which_address_it_was_reached_and_echoes() {
        let (block, backend) = (Block::reserve(), BackendEverywhere::start().expect("a port"));
        for ip in [block.container_ip(1), block.container_ip(2)] {
            let mut held = Held::connect((ip, backend.port()).into()).await.expect("a landing");
            assert_eq!(held.landing().uuid, ip.to_string());
            assert_eq!(held.check().await, Ok(()));
        }
    }
}
