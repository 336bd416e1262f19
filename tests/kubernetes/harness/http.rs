//! As much of HTTP/1.1 over TLS as an API server's answers need.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore},
};

/// Where a server listens, whom it is known by, and the token for it.
#[derive(Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    token: String,
    tls: TlsConnector,
}

impl Peer {
    /// The server at this address, whose certificate the authority in this file has signed.
    pub(crate) fn new(address: SocketAddr, token: &str, ca: &Path) -> Self {
        Self { address, token: token.to_owned(), tls: trust(ca) }
    }

    /// The same, with a certificate of another authority.
    pub(crate) fn trusting(self, ca: &Path) -> Self {
        Self { tls: trust(ca), ..self }
    }

    /// Connects to it.
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::from(self.address.ip()), stream).await?;
        Ok(Connection { token: self.token.clone(), stream: BufReader::new(stream) })
    }
}

fn trust(ca: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("an authority");
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()).into()
}

/// A connection, over which one request is made after the other.
pub(crate) struct Connection {
    token: String,
    stream: BufReader<TlsStream<TcpStream>>,
}

/// How the body of an answer comes.
enum Body {
    Length(usize),
    Chunks,
}

impl Connection {
    /// Makes a request and reads all of the answer: its status and its document, or its text if that is no JSON.
    pub(crate) async fn request(&mut self, request: &Request<'_>) -> io::Result<(u16, Value)> {
        let (status, body) = self.begin(request).await?;
        let mut text = Vec::new();
        match body {
            Body::Length(length) => {
                text.resize(length, 0);
                self.stream.read_exact(&mut text).await?;
            }
            Body::Chunks => while self.chunk(&mut text).await? {},
        }
        let document = serde_json::from_slice(&text);
        Ok((status, document.unwrap_or_else(|_| String::from_utf8_lossy(&text).into())))
    }

    /// Makes a request whose answer has a document a line; gives the status alone.
    pub(crate) async fn watch(mut self, request: &Request<'_>) -> io::Result<(u16, Lines)> {
        let (status, _) = self.begin(request).await?;
        Ok((status, Lines { connection: self, text: Vec::new() }))
    }

    async fn begin(&mut self, request: &Request<'_>) -> io::Result<(u16, Body)> {
        let Request { method, path, kind, body } = request;
        let length = body.len();
        let token = &self.token;
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: kubernetes\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await?;
        let status = self.line().await?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("an answer without a status"))?;
        let mut body = Body::Chunks;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status, body));
            }
            if let Some(length) = line.strip_prefix("content-length:") {
                body = Body::Length(length.trim().parse().map_err(io::Error::other)?);
            }
        }
    }

    /// Reads a chunk to the end of `text`; `false` if it is the last one.
    async fn chunk(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        let length = usize::from_str_radix(&self.line().await?, 16).map_err(io::Error::other)?;
        let begun = text.len();
        text.resize(begun + length, 0);
        self.stream.read_exact(&mut text[begun..]).await?;
        self.line().await?;
        Ok(length > 0)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// What to ask for.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// The type of `body`.
    pub(crate) kind: &'a str,
    pub(crate) body: &'a str,
}

/// An answer that goes on and on.
pub(crate) struct Lines {
    connection: Connection,
    text: Vec<u8>,
}

impl Lines {
    /// The document of the next line; `None` when the answer has ended in good order.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Value>> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.text.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).map_err(io::Error::other);
            }
            if !self.connection.chunk(&mut self.text).await? {
                return Ok(None);
            }
        }
    }
}
