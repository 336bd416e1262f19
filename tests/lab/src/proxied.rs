//! Backends that expect the PROXY protocol, and what they are told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::{
    io::{self, AsyncReadExt},
    net::TcpStream,
};

/// The first words of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is for a client.
    Client {
        /// The client's address.
        source: SocketAddr,
        /// The address that the client has connected to.
        destination: SocketAddr,
    },
    /// It is for nobody: the other end checks something.
    Own,
    /// They are not a header of the expected version.
    Other(Vec<u8>),
}

/// Whether backends expect a header, and which they got so far. All clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expectation(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The only version that is understood.
    version: Option<u8>,
    told: Vec<Told>,
}

impl Expectation {
    /// From now on each connection has to begin with a header of this version, 1 or 2.
    pub(crate) fn expect(&self, version: u8) {
        self.state().version = Some(version);
    }

    /// What connections have begun with so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.state().told.clone()
    }

    /// Reads the header, if one is expected; `false` if there is another beginning, or an end.
    pub(crate) async fn is_met_by(&self, stream: &mut TcpStream) -> bool {
        let Some(version) = self.state().version else { return true };
        let Ok(told) = header(stream, version).await else { return false };
        let is_met = !matches!(told, Told::Other(_));
        self.state().told.push(told);
        is_met
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads no byte beyond the header.
async fn header(stream: &mut TcpStream, version: u8) -> io::Result<Told> {
    let config = ParseConfig { include_tlvs: false, allow_v1: version == 1, allow_v2: version == 2 };
    let mut received = Vec::new();
    loop {
        received.push(stream.read_u8().await?);
        match ProxyHeader::parse(&received, config) {
            Ok((header, _)) => {
                let client = header.proxied_address();
                return Ok(client.map_or(Told::Own, |client| Told::Client {
                    source: client.source,
                    destination: client.destination,
                }));
            }
            Err(Error::BufferTooShort) => {}
            Err(_) => return Ok(Told::Other(received)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    /// What comes of a connection that begins like this, where this version is expected.
    async fn told(version: u8, beginning: &[u8]) -> (bool, Vec<Told>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a listener");
        client.write_all(beginning).await.expect("a reader");
        drop(client);
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let expectation = Expectation::default();
        expectation.expect(version);
        let is_met = expectation.is_met_by(&mut stream).await;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("an end");
        (is_met, expectation.told(), rest)
    }

    #[tokio::test]
    async fn a_header_is_told_from_what_follows_and_from_what_is_none() {
        let client = |source: &str, destination: &str| Told::Client {
            source: source.parse().expect("an address"),
            destination: destination.parse().expect("an address"),
        };
        let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nhello";
        let addresses = client("192.0.2.1:56324", "192.0.2.2:443");
        assert_eq!(told(1, v1).await, (true, vec![addresses.clone()], b"hello".to_vec()));
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xdc\x04\x01\xbbhello";
        assert_eq!(told(2, v2).await, (true, vec![addresses], b"hello".to_vec()));
        assert_eq!(told(1, b"PROXY UNKNOWN\r\n").await, (true, vec![Told::Own], vec![]));
        assert_eq!(told(2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await, (true, vec![Told::Own], vec![]));
        for (version, other) in [(1, &v2[..]), (2, v1), (2, b"GET / HTTP/1.1\r\n\r\n")] {
            let (is_met, told, _) = told(version, other).await;
            assert!(!is_met && matches!(told[..], [Told::Other(_)]), "{told:?}");
        }
        assert_eq!(told(2, b"").await, (false, vec![], vec![]), "it says nothing");
    }
}
