//! A listening socket whose connections end with it.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

/// A listening socket, with a task for each connection that it has accepted.
///
/// Dropping it closes all of them soon; [`Listening::close`] returns when they are closed.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    closing: Arc<Notify>,
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Listens on `address` and has each connection served.
    pub(crate) async fn open<Serve, Served>(address: SocketAddr, serve: Serve) -> io::Result<Self>
    where
        Serve: Fn(TcpStream, SocketAddr) -> Served + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        Self::on(TcpListener::bind(address).await?, serve)
    }

    /// Has each connection served that comes to this listening socket.
    pub(crate) fn on<Serve, Served>(listener: TcpListener, serve: Serve) -> io::Result<Self>
    where
        Serve: Fn(TcpStream, SocketAddr) -> Served + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let closing = Arc::new(Notify::new());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&closing), serve));
        Ok(Self { address, closing, accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listening socket and its connections, and waits until they are closed.
    pub(crate) async fn close(mut self) {
        self.closing.notify_one();
        if let Err(error) = (&mut self.accepting).await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<Serve, Served>(listener: TcpListener, closing: Arc<Notify>, serve: Serve)
where
    Serve: Fn(TcpStream, SocketAddr) -> Served,
    Served: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.notified() => break,
            accepted = listener.accept() => {
                // A client may go away before it is accepted: the socket goes on accepting.
                if let Ok((stream, peer)) = accepted {
                    connections.spawn(serve(stream, peer));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}
