//! Servers that do what the lab's backends do not.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What a server does with its clients.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// It speaks first, and without end.
    SpeaksWithoutEnd,
    /// It closes each connection after a while.
    Closes,
    /// It serves one client to its end, and then the next.
    OneAtATime,
    /// Its kernel accepts connections, and it does nothing.
    Frozen,
}

/// How long a server keeps a connection that it closes.
const IDLE: Duration = Duration::from_millis(300);

/// A server at work. Dropped, it listens no more, and its connections end.
pub(super) struct Server {
    work: JoinHandle<()>,
    counts: Arc<Counts>,
}

/// What it has done.
#[derive(Default)]
struct Counts {
    served: AtomicUsize,
    ended: AtomicUsize,
    sent: AtomicUsize,
}

impl Server {
    pub(super) async fn start(manner: Manner, ip: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind(SocketAddr::from((ip, port))).await.expect("the address is free");
        let counts = Arc::<Counts>::default();
        let work = tokio::spawn(work(listener, manner, Arc::clone(&counts)));
        Self { work, counts }
    }

    /// How many clients it has begun to serve.
    pub(super) fn served(&self) -> usize {
        self.counts.served.load(Ordering::Relaxed)
    }

    /// How many connections have ended.
    pub(super) fn ended(&self) -> usize {
        self.counts.ended.load(Ordering::Relaxed)
    }

    /// How many bytes it has sent.
    pub(super) fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::Relaxed)
    }

    pub(super) async fn end(self) {
        self.work.abort();
        // It has been aborted, which is what it says.
        let _ = self.work.await;
    }
}

async fn work(listener: TcpListener, manner: Manner, counts: Arc<Counts>) {
    if let Manner::Frozen = manner {
        // The listener is dropped with this.
        return std::future::pending().await;
    }
    let mut clients = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        clients.spawn(serve(client, manner, Arc::clone(&counts)));
        if let Manner::OneAtATime = manner {
            clients.join_next().await;
        }
    }
}

async fn serve(mut client: TcpStream, manner: Manner, counts: Arc<Counts>) {
    counts.served.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [b'x'; 4096];
    match manner {
        Manner::SpeaksWithoutEnd => {
            while let Ok(sent) = client.write(&bytes).await {
                counts.sent.fetch_add(sent, Ordering::Relaxed);
            }
        }
        Manner::Closes => sleep(IDLE).await,
        Manner::OneAtATime | Manner::Frozen => while let Ok(1..) = client.read(&mut bytes).await {},
    }
    counts.ended.fetch_add(1, Ordering::Relaxed);
}
