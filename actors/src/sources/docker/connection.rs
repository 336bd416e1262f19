//! One request on a connection of its own, bounded in time and size. Bollard brings connections, too, but they are not
//! bounded, do not say when an answer has begun, and leave the version out of the path.

mod bounded;

use std::{io, time::Duration};

use bollard::{BollardRequest, ClientVersion, errors::Error};
use hyper::{
    Method, Response, Uri,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT},
};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use self::bounded::Bounded;
pub(super) use self::bounded::Bounds;
use super::Host;

/// The silence after which the kernel asks whether the other end of a TCP connection is there; three times, and then it
/// is not. An event stream may be silent for days.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where to connect to, and how.
#[derive(Clone)]
pub(super) struct Dial {
    pub(super) host: Host,
    pub(super) tls: Option<TlsConnector>,
    /// The version of the API to speak; `None` leaves it to the engine.
    pub(super) version: Option<ClientVersion>,
    /// From the first packet to the head of the answer.
    pub(super) head_limit: Duration,
}

impl Dial {
    /// Sends `request`; the head of the answer.
    ///
    /// # Errors
    /// [`Error::IOError`] of the system, also if the head does not come in time; [`Error::HyperResponseError`].
    pub(super) async fn send(
        self,
        request: BollardRequest,
        bounds: Bounds,
    ) -> Result<Response<Incoming>, Error> {
        let request = self.prepare(request)?;
        let head = async {
            match &self.host {
                Host::Unix(path) => exchange(UnixStream::connect(path).await?, request, bounds.clone()).await,
                Host::Tcp { name, port } => {
                    let port = port.unwrap_or(Host::default_port(self.tls.is_some()));
                    let stream = TcpStream::connect((name.as_str(), port)).await?;
                    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
                    SockRef::from(&stream).set_tcp_keepalive(&keepalive.with_retries(3))?;
                    match &self.tls {
                        None => exchange(stream, request, bounds.clone()).await,
                        Some(tls) => {
                            let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
                            exchange(tls.connect(name, stream).await?, request, bounds.clone()).await
                        }
                    }
                }
            }
        };
        match timeout(self.head_limit, head).await {
            Ok(answer) => answer,
            Err(_) => {
                bounds.note_stall(self.head_limit);
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
        }
    }

    /// The request as it goes over the wire.
    fn prepare(&self, mut request: BollardRequest) -> Result<BollardRequest, Error> {
        if request.method() != Method::GET {
            return Err(io::Error::other("stalls sends nothing but GETs").into());
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = match &self.version {
            Some(version) => format!("/v{version}{path}"),
            None => path.to_owned(),
        };
        *request.uri_mut() = uri.parse::<Uri>()?;
        let headers = request.headers_mut();
        headers.remove(CONTENT_TYPE);
        headers.insert(HOST, HeaderValue::from_static("docker"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let agent = concat!("stalls/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        Ok(request)
    }
}

async fn exchange<S>(stream: S, request: BollardRequest, bounds: Bounds) -> Result<Response<Incoming>, Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(Bounded::new(stream, bounds)).await?;
    // It ends with the answer, or when nothing waits for that any more; its errors are the answer's, too.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}
