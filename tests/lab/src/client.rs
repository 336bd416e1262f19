//! A client that connects to a port to find out where it leads.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{self, Instant},
};

/// How long a connection, its announcement or an echo may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long one attempt may take while waiting for a port to change: HAProxy holds a connection
/// to a container that has just gone for a second, and by then a next attempt has long succeeded.
const ATTEMPT_PATIENCE: Duration = Duration::from_millis(100);

/// The pause between two attempts while waiting for a port to change.
const POLL_PAUSE: Duration = Duration::from_millis(2);

/// Where a connection led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The container's uuid.
    pub uuid: String,
    /// The container's name, escaped.
    pub name: String,
}

/// Why a connection led nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The connection was refused.
    #[error("refused")]
    Refused,
    /// Accepted, then closed in good order before a backend announced itself.
    #[error("accepted, then closed")]
    Closed,
    /// Accepted, then reset.
    #[error("reset")]
    Reset,
    /// Nothing happened in time.
    #[error("timed out")]
    TimedOut,
    /// What was received is not what a backend sends.
    #[error("answered by something else than a backend: {0:?}")]
    Garbled(String),
    /// Any other error of the operating system.
    #[error("failed: {0}")]
    Other(String),
}

impl From<std::io::Error> for ConnectError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Reset,
            ErrorKind::UnexpectedEof => Self::Closed,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<time::error::Elapsed> for ConnectError {
    fn from(_: time::error::Elapsed) -> Self {
        Self::TimedOut
    }
}

/// A connection that stays.
#[derive(Debug)]
pub struct Held {
    stream: BufReader<TcpStream>,
    landing: Landing,
}

impl Held {
    /// Connects, and reads which container is there.
    pub async fn connect(address: SocketAddr) -> Result<Self, ConnectError> {
        Self::connect_within(address, PATIENCE).await
    }

    async fn connect_within(address: SocketAddr, patience: Duration) -> Result<Self, ConnectError> {
        time::timeout(patience, async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(ConnectError::Closed);
            }
            let Some((uuid, name)) = line.strip_suffix('\n').and_then(|line| line.split_once(' ')) else {
                return Err(ConnectError::Garbled(line));
            };
            let landing = Landing { uuid: uuid.to_owned(), name: name.to_owned() };
            Ok(Self { stream, landing })
        })
        .await?
    }

    /// Where it led to when it was made.
    pub fn landing(&self) -> &Landing {
        &self.landing
    }

    /// Waits until the other side has ended it, whichever way; `false` if that takes longer.
    pub async fn ends_within(&mut self, within: Duration) -> bool {
        let mut received = [0; 64];
        // Whatever was on its way comes first.
        let ended = async { while matches!(self.stream.read(&mut received).await, Ok(1..)) {} };
        time::timeout(within, ended).await.is_ok()
    }

    /// Sends something random and reads it back: the connection still works, both ways.
    pub async fn check(&mut self) -> Result<(), ConnectError> {
        let sent: [u8; 64] = std::array::from_fn(|_| fastrand::u8(..));
        let mut received = [0; 64];
        time::timeout(PATIENCE, async {
            self.stream.write_all(&sent).await?;
            self.stream.read_exact(&mut received).await
        })
        .await??;
        if received == sent {
            Ok(())
        } else {
            Err(ConnectError::Garbled(format!("sent {sent:?}, received {received:?}")))
        }
    }
}

/// Connects, reads which container is there, and closes.
pub async fn landing(address: SocketAddr) -> Result<Landing, ConnectError> {
    Held::connect(address).await.map(|held| held.landing)
}

/// A port did not become what it should.
#[derive(Debug, thiserror::Error)]
#[error("{address} {wanted} is not so after {within:?}: the last of {attempts} connections {}", describe(.last))]
pub struct NotYet {
    /// The port.
    pub address: SocketAddr,
    /// What it should do.
    pub wanted: String,
    /// How long it had.
    pub within: Duration,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last connection met.
    pub last: Result<Landing, ConnectError>,
}

fn describe(last: &Result<Landing, ConnectError>) -> String {
    match last {
        Ok(landing) => format!("led to {} ({})", landing.uuid, landing.name),
        Err(error) => format!("was {error}"),
    }
}

/// Waits until the port leads to this container; returns how long that took.
pub async fn await_landing(address: SocketAddr, uuid: &str, within: Duration) -> Result<Duration, NotYet> {
    let leads_there = |last: &Result<Landing, _>| last.as_ref().is_ok_and(|landing| landing.uuid == uuid);
    await_met(address, &format!("leading to {uuid}"), leads_there, within).await
}

/// Waits until the port refuses; returns how long that took.
pub async fn await_refused(address: SocketAddr, within: Duration) -> Result<Duration, NotYet> {
    await_met(address, "refusing", |last| *last == Err(ConnectError::Refused), within).await
}

async fn await_met(
    address: SocketAddr,
    wanted: &str,
    is_met: impl Fn(&Result<Landing, ConnectError>) -> bool,
    within: Duration,
) -> Result<Duration, NotYet> {
    let begun = Instant::now();
    let mut attempts = 0;
    loop {
        let last = Held::connect_within(address, ATTEMPT_PATIENCE).await.map(|held| held.landing);
        attempts += 1;
        if is_met(&last) {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > within {
            return Err(NotYet { address, wanted: wanted.to_owned(), within, attempts, last });
        }
        time::sleep(POLL_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        backend::{Backends, Identity},
        block::Block,
    };

    const SOON: Duration = Duration::from_secs(5);

    fn identity(uuid: &str) -> Identity {
        Identity { uuid: uuid.to_owned(), name: "app-web\n1".to_owned() }
    }

    #[tokio::test]
    async fn a_backend_announces_itself_and_echoes() {
        let (block, mut backends) = (Block::reserve(), Backends::new());
        backends.start(block.container_ip(1), 8080, identity("u1")).await;
        let mut held = Held::connect((block.container_ip(1), 8080).into()).await.expect("a landing");
        assert_eq!(held.landing(), &Landing { uuid: "u1".to_owned(), name: "app-web\\n1".to_owned() });
        assert_eq!(held.check().await, Ok(()));
        backends.stop(block.container_ip(1), 8080).await;
        assert!(matches!(held.check().await, Err(ConnectError::Closed | ConnectError::Reset)));
    }

    #[tokio::test]
    async fn the_ways_to_get_nowhere_are_told_apart() {
        let block = Block::reserve();
        assert_eq!(landing(block.listen(1)).await, Err(ConnectError::Refused));

        let listener = TcpListener::bind(block.listen(2)).await.expect("a port");
        let closing = async { drop(listener.accept().await) };
        assert_eq!(tokio::join!(landing(block.listen(2)), closing).0, Err(ConnectError::Closed));

        let resetting = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_zero_linger().expect("a socket option");
        };
        assert_eq!(tokio::join!(landing(block.listen(2)), resetting).0, Err(ConnectError::Reset));

        let babbling = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(b"hello\n").await.expect("a reader");
        };
        let babble = Err(ConnectError::Garbled("hello\n".to_owned()));
        assert_eq!(tokio::join!(landing(block.listen(2)), babbling).0, babble);

        assert_eq!(landing(block.listen(2)).await, Err(ConnectError::TimedOut));
    }

    #[tokio::test]
    async fn waiting_ends_when_the_port_is_as_it_should_be() {
        let (block, mut backends) = (Block::reserve(), Backends::new());
        let address = (block.container_ip(1), 8080).into();
        let (landed, ()) = tokio::join!(await_landing(address, "u1", SOON), async {
            backends.start(block.container_ip(1), 8080, identity("u1")).await;
        });
        assert!(landed.is_ok(), "{landed:?}");
        let (refused, ()) = tokio::join!(await_refused(address, SOON), async {
            backends.stop(block.container_ip(1), 8080).await;
        });
        assert!(refused.is_ok(), "{refused:?}");
    }

    #[tokio::test]
    async fn waiting_in_vain_says_what_was_seen_last() {
        let (block, mut backends) = (Block::reserve(), Backends::new());
        backends.start(block.container_ip(1), 8080, identity("u1")).await;
        let address = (block.container_ip(1), 8080).into();
        let error = await_landing(address, "u2", Duration::from_millis(20)).await.expect_err("never");
        assert!(error.to_string().ends_with("led to u1 (app-web\\n1)"), "{error}");
    }
}
