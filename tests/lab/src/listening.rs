//! A listening socket whose connections end with it.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

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
    listener: Arc<TcpListener>,
    closing: Arc<Notify>,
    frozen: Frozen,
    accepting: JoinHandle<()>,
}

/// Whether nothing goes on any more.
#[derive(Clone, Debug, Default)]
struct Frozen(Arc<AtomicBool>);

impl Frozen {
    /// Does what `work` does, until it is frozen.
    async fn unless<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(
            |context| {
                if self.0.load(Ordering::Relaxed) { Poll::Pending } else { work.as_mut().poll(context) }
            },
        )
        .await
    }
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
        let (listener, closing, frozen) = (Arc::new(listener), Arc::new(Notify::new()), Frozen::default());
        let accepting = accept(Arc::clone(&listener), Arc::clone(&closing), frozen.clone(), serve);
        let accepting = tokio::spawn(frozen.clone().unless(accepting));
        Ok(Self { address, listener, closing, frozen, accepting })
    }

    /// From now on nothing is accepted and no connection is served, and next to none finds room to wait: as if the
    /// process had been stopped (SIGSTOP).
    pub(crate) fn freeze(&self) -> io::Result<()> {
        self.frozen.0.store(true, Ordering::Relaxed);
        Ok(rustix::net::listen(&self.listener, 0)?)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listening socket and its connections, and waits until they are closed; but not for a frozen one.
    pub(crate) async fn close(mut self) {
        if self.frozen.0.load(Ordering::Relaxed) {
            return;
        }
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

async fn accept<Serve, Served>(listener: Arc<TcpListener>, closing: Arc<Notify>, frozen: Frozen, serve: Serve)
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
                    connections.spawn(frozen.clone().unless(serve(stream, peer)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}
