//! What is between stalls and the API server, such as a load balancer that forgets connections.

use std::{future::pending, net::SocketAddr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A forwarder of TCP connections.
pub(crate) struct Proxy {
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    accepting: JoinHandle<()>,
}

/// What becomes of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Manner {
    /// New ones end at once.
    is_cut: bool,
    /// How often all that there were have been ended.
    ended: u32,
    /// How often all that there were have been forgotten.
    forgotten: u32,
}

impl Manner {
    /// What becomes of a connection changes with it.
    fn fate(self) -> (u32, u32) {
        (self.ended, self.forgotten)
    }
}

impl Proxy {
    /// Forwards to this address from another port of it; so the server's certificate is good for both.
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((to.ip(), 0)).await.expect("a port");
        let address = listener.local_addr().expect("a listener has an address");
        let manner = watch::Sender::new(Manner::default());
        let following = manner.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                tokio::spawn(forward(client, to, following.subscribe()));
            }
        });
        Self { address, manner, accepting }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing comes through the connections that there are, and nothing says so; new ones work.
    pub(crate) fn forget(&self) {
        self.manner.send_modify(|manner| manner.forgotten += 1);
    }

    /// Ends all connections that there are; new ones work.
    pub(crate) fn end(&self) {
        self.manner.send_modify(|manner| manner.ended += 1);
    }

    /// Ends all connections, and each new one, until they may pass again.
    pub(crate) fn cut(&self) {
        self.manner.send_modify(|manner| manner.is_cut = true);
        self.end();
    }

    /// New connections lead to the API server again.
    pub(crate) fn pass(&self) {
        self.manner.send_modify(|manner| manner.is_cut = false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut client: TcpStream, to: SocketAddr, mut manner: watch::Receiver<Manner>) {
    let begun = *manner.borrow();
    if begun.is_cut {
        return;
    }
    // The server may be away.
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let changed = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        changed = manner.wait_for(|manner| manner.fate() != begun.fate()) => changed.map(|manner| *manner),
    };
    if changed.is_ok_and(|manner| manner.ended == begun.ended) {
        pending::<()>().await;
    }
}
