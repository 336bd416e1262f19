//! Asking the metadata server over HTTP.

#[cfg(test)]
mod tests;

use std::{future::Future, time::Duration};

use actix_tls::connect::Connector as TcpConnector;
use awc::{
    Client, ClientResponse, Connector,
    error::SendRequestError,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, HeaderMap},
    },
};
use futures_util::StreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use slog::Logger;
use tokio::time::timeout;

use super::{
    MetadataFault,
    document::parse_version,
    resolver::{Resolver, System},
};
use crate::{domain::ServiceRef, excerpt::excerpt};

/// What is percent-encoded in a path segment or query value: all but the unreserved characters (RFC 3986,
/// section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The server looks at the end of a long poll only on a grid of 5 s (rancher-metadata, `versionHandler`).
const LONG_POLL_GRID: Duration = Duration::from_secs(5);

/// The server takes whole seconds.
const MIN_LONG_POLL: Duration = Duration::from_secs(1);
/// The server's own limit.
pub const MAX_LONG_POLL: Duration = Duration::from_secs(120);

/// Where metadata comes from. All futures are owned, so that a caller borrows nothing while it waits.
pub trait MetadataSource: 'static {
    /// The version of the data: at once when `known` is `None` or no longer true, else as soon as it
    /// changes, or unchanged after about `wait` (whole seconds, up to 5 s more).
    fn version(
        &self,
        known: Option<String>,
        wait: Duration,
    ) -> impl Future<Output = Result<String, MetadataFault>> + 'static;

    /// The document at `path`, as bytes.
    fn document(&self, path: String) -> impl Future<Output = Result<Vec<u8>, MetadataFault>> + 'static;
}

/// The path of a service's document.
pub(super) fn service_path(service: &ServiceRef) -> String {
    let encode = |segment| utf8_percent_encode(segment, ENCODED);
    match &service.stack {
        Some(stack) => format!("/stacks/{}/services/{}", encode(stack), encode(&service.service)),
        None => format!("/self/stack/services/{}", encode(&service.service)),
    }
}

/// A path beside the service's that a server with data has: the stack of the asker, if it knows the asker, or else any
/// stack, since the one in question may have been removed with the service.
pub(super) fn other_path(service: &ServiceRef) -> String {
    let path = if service.stack.is_none() { "/self/stack/name" } else { "/stacks/0/name" };
    path.to_owned()
}

/// The path of a container's document.
pub(super) fn container_path(uuid: &str) -> String {
    format!("/containers/{}", utf8_percent_encode(uuid, ENCODED))
}

/// The path of the document of stalls' own service.
pub(crate) const OWN_SERVICE_PATH: &str = "/self/service";

/// How long an answer may take, and how large it may be.
#[derive(Clone, Copy, Debug)]
pub struct MetadataLimits {
    /// From the request to the head of the answer, for a long poll on top of the wait.
    pub head: Duration,
    /// From one piece of the body to the next.
    pub pause: Duration,
    /// From the head to the end of the body.
    pub body: Duration,
    /// The size of a body. A real container takes about 1.9 kB, so 32 MiB hold 17,000 of them.
    pub body_bytes: usize,
}

impl Default for MetadataLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            pause: Duration::from_secs(5),
            body: Duration::from_secs(30),
            body_bytes: 32 << 20,
        }
    }
}

/// The metadata server at a base URL such as `http://rancher-metadata/2015-12-19`.
pub struct HttpMetadata {
    client: Client,
    resolver: Resolver<System>,
    base_url: String,
    limits: MetadataLimits,
}

impl HttpMetadata {
    /// Connections are kept alive between requests. To be made on the thread that uses it.
    pub fn new(base_url: String, limits: MetadataLimits, log: Logger) -> Self {
        let resolver = Resolver::new(System, log);
        let tcp = TcpConnector::new(actix_tls::connect::Resolver::custom(resolver.clone())).service();
        let client = Client::builder()
            .connector(Connector::new().connector(tcp))
            .disable_redirects()
            .add_default_header(("Accept", "application/json"))
            .add_default_header(("User-Agent", concat!("stalls/", env!("CARGO_PKG_VERSION"))))
            .finish();
        Self { client, resolver, base_url, limits }
    }

    /// The Content-Type of the answer is not looked at: the server says `text/plain` for JSON too.
    fn get(
        &self,
        path: String,
        query: String,
        head_limit: Duration,
    ) -> impl Future<Output = Result<Vec<u8>, MetadataFault>> + use<> {
        let (client, resolver) = (self.client.clone(), self.resolver.clone());
        let url = format!("{}{path}{query}", self.base_url);
        let limits = self.limits;
        async move {
            let attempt = || client.get(url.as_str()).timeout(head_limit).send();
            let answer = match attempt().await {
                // The server may have closed the kept-alive connection meanwhile; awc does not try again.
                Err(error) if !matches!(error, SendRequestError::Timeout) => attempt().await,
                answer => answer,
            };
            match answer {
                Ok(response) => {
                    resolver.note_answer();
                    read(path, response, limits).await
                }
                Err(SendRequestError::Timeout) => Err(MetadataFault::TimedOut { path, limit: head_limit }),
                Err(error) => Err(MetadataFault::Unreachable { path, reason: error.to_string() }),
            }
        }
    }
}

impl MetadataSource for HttpMetadata {
    fn version(
        &self,
        known: Option<String>,
        wait: Duration,
    ) -> impl Future<Output = Result<String, MetadataFault>> + 'static {
        let path = String::from("/version");
        let answer = match known {
            None => self.get(path.clone(), String::new(), self.limits.head),
            Some(known) => {
                let known = utf8_percent_encode(&known, ENCODED);
                let wait = Duration::from_secs(wait.as_millis().div_ceil(1000) as u64)
                    .clamp(MIN_LONG_POLL, MAX_LONG_POLL);
                let query = format!("?wait=true&value={known}&maxWait={}", wait.as_secs());
                self.get(path.clone(), query, wait + LONG_POLL_GRID + self.limits.head)
            }
        };
        async move { parse_version(&path, &answer.await?) }
    }

    fn document(&self, path: String) -> impl Future<Output = Result<Vec<u8>, MetadataFault>> + 'static {
        self.get(path, String::new(), self.limits.head)
    }
}

/// The server's own words in an error answer.
#[derive(Deserialize)]
struct ErrorDocument {
    message: String,
}

async fn read(
    path: String,
    response: ClientResponse,
    limits: MetadataLimits,
) -> Result<Vec<u8>, MetadataFault> {
    let status = response.status();
    if status != StatusCode::OK && status != StatusCode::NOT_FOUND {
        return Err(MetadataFault::Status { path, status: status.as_u16() });
    }
    let promised = promised_bytes(response.headers());
    if promised.is_some_and(|promised| promised > limits.body_bytes) {
        return Err(MetadataFault::TooLarge { path, limit_bytes: limits.body_bytes });
    }
    let Ok(body) = timeout(limits.body, read_body(&path, response, limits)).await else {
        return Err(MetadataFault::TimedOut { path, limit: limits.body });
    };
    let body = body?;
    // awc takes a connection that ends amid the body for the body's end.
    if let Some(promised) = promised.filter(|promised| *promised != body.len()) {
        let reason = format!("the answer broke off after {} of {promised} bytes", body.len());
        return Err(MetadataFault::Unreachable { path, reason });
    }
    if status == StatusCode::NOT_FOUND {
        let message = serde_json::from_slice(&body)
            .map_or_else(|_| "no reason given".into(), |e: ErrorDocument| excerpt(&e.message));
        return Err(MetadataFault::NotFound { path, message });
    }
    Ok(body)
}

/// Reads the body piece by piece, so that a server that has stopped amid it is noticed after one pause.
async fn read_body(
    path: &str,
    mut response: ClientResponse,
    limits: MetadataLimits,
) -> Result<Vec<u8>, MetadataFault> {
    let path = || path.to_owned();
    let mut body = Vec::new();
    loop {
        let piece = timeout(limits.pause, response.next()).await;
        match piece.map_err(|_| MetadataFault::Stalled { path: path(), limit: limits.pause })? {
            None => return Ok(body),
            Some(Err(error)) => {
                return Err(MetadataFault::Unreachable { path: path(), reason: error.to_string() });
            }
            Some(Ok(piece)) if piece.len() > limits.body_bytes - body.len() => {
                return Err(MetadataFault::TooLarge { path: path(), limit_bytes: limits.body_bytes });
            }
            Some(Ok(piece)) => body.extend_from_slice(&piece),
        }
    }
}

/// The body's length as the server announced it; a chunked body has none.
fn promised_bytes(head: &HeaderMap) -> Option<usize> {
    head.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
