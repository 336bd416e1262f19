//! A client on a thread of its own, so that no other work delays its connections.

use std::{
    fmt::{self, Display, Formatter},
    io::{self, ErrorKind, Read},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    ops::AddAssign,
    str, thread,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::net::sockopt::set_socket_linger;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::{sync::oneshot, task::spawn_blocking, time::Instant};

/// How long connecting and what a container says may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause between the connections of a client that watches a port. Without one, watching would take the processor
/// from what is watched: client, HAProxy and container have two cores between them.
const PAUSE: Duration = Duration::from_micros(200);

/// How long a port may go on leading to the old container.
const WATCH: Duration = Duration::from_secs(30);

/// Connects, reads the address of the container that is there, and resets the connection: a table of the
/// system in which those that end in good order stay for minutes, as that of netfilter's connection tracking,
/// would be full soon, and no client could connect any more.
pub(crate) fn landing(port: SocketAddr) -> io::Result<Ipv4Addr> {
    let mut stream = TcpStream::connect_timeout(&port, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    set_socket_linger(&stream, Some(Duration::ZERO))?;
    let (mut line, mut read) = ([0; 64], 0);
    loop {
        match stream.read(&mut line[read..])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
        if line[..read].ends_with(b"\n") {
            let word = line[..read].split(|byte| *byte == b' ').next().unwrap_or_default();
            let address = str::from_utf8(word).ok().and_then(|word| word.parse().ok());
            return address.ok_or_else(|| ErrorKind::InvalidData.into());
        }
    }
}

/// Connects so many times in a row; tells how many of the connections did not lead there.
pub(crate) async fn misses(port: SocketAddr, container: Ipv4Addr, connections: u32) -> anyhow::Result<u32> {
    let connect = move || {
        let missed = (0..connections).filter(|_| landing(port).ok() != Some(container)).count();
        u32::try_from(missed).unwrap_or(u32::MAX)
    };
    spawn_blocking(connect).await.context("the client")
}

/// A client that connects to a port again and again until it leads to another container.
#[derive(Debug)]
pub(crate) struct Watch {
    crossing: oneshot::Receiver<anyhow::Result<Crossing>>,
}

/// The first connection that led to another container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    /// When that container had answered.
    pub(crate) at: Instant,
    /// The same by the wall clock, to compare it with a log.
    pub(crate) wall: OffsetDateTime,
    /// Its address.
    pub(crate) container: Ipv4Addr,
    /// The connections before it that led nowhere.
    pub(crate) lost: Lost,
}

/// Connections that led nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lost {
    /// Refused.
    pub(crate) refused: u64,
    /// Reset, closed, or nothing happened in time.
    pub(crate) broken: u64,
}

impl Lost {
    /// One more, because of this.
    pub(crate) fn count(&mut self, error: &io::Error) {
        match error.kind() {
            ErrorKind::ConnectionRefused => self.refused += 1,
            _ => self.broken += 1,
        }
    }
}

impl AddAssign for Lost {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.broken += other.broken;
    }
}

impl Display for Lost {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.refused, self.broken)
    }
}

impl Watch {
    /// Starts to connect; returns when a first connection has led to the old container.
    pub(crate) async fn start(port: SocketAddr, old: Ipv4Addr) -> anyhow::Result<Self> {
        let (begun, first) = oneshot::channel();
        let (done, crossing) = oneshot::channel();
        thread::spawn(move || {
            let _ = begun.send(landing(port));
            let crossing = watch(port, old, &done);
            let _ = done.send(crossing);
        });
        let first = first.await.context("the client")?.with_context(|| format!("no connection to {port}"))?;
        if first != old {
            bail!("{port} leads to {first} instead of {old}");
        }
        Ok(Self { crossing })
    }

    /// Waits until the port leads to another container.
    pub(crate) async fn crossing(self) -> anyhow::Result<Crossing> {
        self.crossing.await.context("the client")?
    }
}

#[expect(clippy::disallowed_methods, reason = "the thread is the client's own")]
fn pause() {
    thread::sleep(PAUSE);
}

/// Ends early when its result is no longer awaited.
#[expect(clippy::disallowed_methods, reason = "it is compared with the times in a log")]
fn watch(
    port: SocketAddr,
    old: Ipv4Addr,
    done: &oneshot::Sender<anyhow::Result<Crossing>>,
) -> anyhow::Result<Crossing> {
    let deadline = Instant::now() + WATCH;
    let mut lost = Lost::default();
    while !done.is_closed() && Instant::now() < deadline {
        match landing(port) {
            Ok(container) if container != old => {
                let (at, wall) = (Instant::now(), OffsetDateTime::now_utc());
                return Ok(Crossing { at, wall, container, lost });
            }
            Ok(_) => {}
            Err(error) => lost.count(&error),
        }
        pause();
    }
    bail!("{port} still leads to {old} after {WATCH:?}")
}
