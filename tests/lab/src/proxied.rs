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
