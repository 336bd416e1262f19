//! Finding out whether a container accepts connections.

use std::{future::Future, net::SocketAddr, time::Duration};

use futures_util::FutureExt;
use tokio::{net::TcpStream, time::timeout};

/// A container is on this host or on one beside it. One that takes longer is not ready.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Connects to containers.
pub trait Probe: 'static {
    /// Whether a connection to `address` is accepted now.
    fn accepts(&self, address: SocketAddr) -> impl Future<Output = bool> + 'static;
}

/// Connects over TCP and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpProbe;

impl Probe for TcpProbe {
    fn accepts(&self, address: SocketAddr) -> impl Future<Output = bool> + 'static {
        timeout(CONNECT_LIMIT, TcpStream::connect(address)).map(|connected| matches!(connected, Ok(Ok(_))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn only_a_listener_accepts() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(TcpProbe.accepts(address).await);
        drop(listener);
        assert!(!TcpProbe.accepts(address).await);
    }
}
