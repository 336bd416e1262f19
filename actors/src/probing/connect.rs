//! The connection to a container.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::domain::ProxyProtocol;

/// What the kernel may hold of what a container sends: enough to notice an end, too little to matter to a host that
/// watches a thousand containers.
const RECEIVE_BUFFER: u32 = 16 << 10;
/// A container that sends without an end is slowed down to a buffer for each of these.
const READ_PAUSE: Duration = Duration::from_millis(10);
/// A container whose kernel acknowledges nothing for so long is no longer there.
const SILENCE_LIMIT: Duration = Duration::from_secs(3);
const KEEPALIVE_PAUSE: Duration = Duration::from_secs(1);

/// Connects to containers.
pub trait Connect: 'static {
    /// What comes of it.
    type Connection: Connection;

    /// Connects to `address`. The caller bounds the time.
    ///
    /// # Errors
    /// The connection is refused or not answered, or the machine lacks what it takes.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Connection>> + 'static;

    /// Whether an address is one of this network namespace's own.
    fn is_local(&self, address: IpAddr) -> bool;
}

/// An open connection.
pub trait Connection: 'static {
    /// Waits until it ends, and discards what the container sends.
    fn end(self) -> impl Future<Output = End> + 'static;
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The container closes it in good order, as it does with an idle client.
    Closed,
    /// It is reset, or nothing has acknowledged it for 3 s: its other end is not there any more. What got the
    /// container's address meanwhile does not know the connection, and resets it.
    Broken,
}

/// Connects over TCP and says nothing but what the containers expect of every connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnect {
    /// Which version of the PROXY protocol they expect, if any.
    pub send_proxy: Option<ProxyProtocol>,
}

impl Connect for TcpConnect {
    type Connection = TcpStream;

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + 'static {
        connect(address, self.send_proxy)
    }

    fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback() || is_routed_to_itself(address).unwrap_or(false)
    }
}

/// The kernel sends from an address of its own, and to that very address only from itself. Nothing is sent here.
fn is_routed_to_itself(address: IpAddr) -> io::Result<bool> {
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((address, 9))?;
    Ok(socket.local_addr()?.ip() == address)
}

async fn connect(address: SocketAddr, send_proxy: Option<ProxyProtocol>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The kernel takes the buffer's size into account when it connects.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let probes = TcpKeepalive::new().with_time(KEEPALIVE_PAUSE).with_interval(KEEPALIVE_PAUSE);
    SockRef::from(&socket).set_tcp_keepalive(&probes)?;
    SockRef::from(&socket).set_tcp_user_timeout(Some(SILENCE_LIMIT))?;
    let mut stream = socket.connect(address).await?;
    if let Some(version) = send_proxy {
        stream.write_all(version.own_header()).await?;
    }
    Ok(stream)
}

impl Connection for TcpStream {
    async fn end(mut self) -> End {
        let mut discarded = vec![0; RECEIVE_BUFFER as usize];
        loop {
            match self.read(&mut discarded).await {
                Ok(0) => return End::Closed,
                Ok(_) => sleep(READ_PAUSE).await,
                Err(_) => return End::Broken,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use tokio::net::TcpListener;

    use super::*;

    /// A connection, and its other end.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (connected, accepted) =
            tokio::join!(TcpConnect::default().connect(listener.local_addr().unwrap()), listener.accept());
        (connected.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn only_a_listener_can_be_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(TcpConnect::default().connect(address).await.is_ok());
        drop(listener);
        let refused = TcpConnect::default().connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_address_of_this_host_is_known() {
        // What the kernel would send from, if anywhere.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let own = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr()).map(|own| own.ip());
        let own = own.into_iter().filter(|own| !own.is_unspecified());
        for own in own.chain(["127.0.0.1".parse().unwrap(), "127.9.9.9".parse().unwrap()]) {
            assert!(TcpConnect::default().is_local(own), "{own}");
        }
        for other in ["192.0.2.1", "2001:db8::1"] {
            assert!(!TcpConnect::default().is_local(other.parse().unwrap()), "{other}");
        }
    }

    #[tokio::test]
    async fn an_end_in_good_order_is_told_from_a_reset() {
        let (ours, theirs) = pair().await;
        SockRef::from(&theirs).shutdown(Shutdown::Write).unwrap();
        assert_eq!(ours.end().await, End::Closed);
        let (ours, theirs) = pair().await;
        SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
        drop(theirs);
        assert_eq!(ours.end().await, End::Broken);
    }

    #[tokio::test]
    async fn what_is_sent_is_discarded() {
        let (ours, mut theirs) = pair().await;
        let sends = async move { theirs.write_all(&vec![7; 200_000]).await };
        let (sent, end) = tokio::join!(sends, ours.end());
        assert!(sent.is_ok() && end == End::Closed, "{sent:?}, {end:?}");
    }

    #[tokio::test]
    async fn a_container_that_expects_the_proxy_protocol_is_told_that_this_is_for_no_client() {
        for (version, expected) in [
            (ProxyProtocol::V1, &b"PROXY UNKNOWN\r\n"[..]),
            (ProxyProtocol::V2, b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x20\x00\x00\x00"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let connect = TcpConnect { send_proxy: Some(version) };
            drop(connect.connect(listener.local_addr().unwrap()).await.unwrap());
            let mut received = Vec::new();
            listener.accept().await.unwrap().0.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, expected, "{version:?}");
        }
    }
}
