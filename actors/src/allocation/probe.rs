//! Finding out whether a container accepts connections.

use std::{future::Future, net::SocketAddr, time::Duration};

use futures_util::FutureExt;
use tokio::{net::TcpStream, time::timeout};

/// A container is on this host or on one beside it. One that takes longer is not ready.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// Somebody who connects.
pub trait Probe: 'static {
    /// Whether somebody accepts a connection at `address` now.
    fn reaches(&self, address: SocketAddr) -> impl Future<Output = bool> + 'static;
}

/// Connects over TCP and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpProbe;

impl Probe for TcpProbe {
    fn reaches(&self, address: SocketAddr) -> impl Future<Output = bool> + 'static {
        timeout(CONNECT_LIMIT, TcpStream::connect(address)).map(|connected| matches!(connected, Ok(Ok(_))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn only_who_listens_is_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(TcpProbe.reaches(address).await);
        drop(listener);
        assert!(!TcpProbe.reaches(address).await);
    }
}
