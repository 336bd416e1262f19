//! The API, as the administrator, the kubelet and the scheduler use it.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{PoisonError, RwLock},
};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::http::{Connection, Lines, Peer, Request};

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A user of the API, who has one connection to the server.
pub(crate) struct Api {
    peer: RwLock<Peer>,
    connection: Mutex<Option<Connection>>,
}

/// An answer that is none, or one that says no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("no answer: {0}")]
    NoAnswer(#[from] io::Error),
    #[error("{0}: {1}")]
    Refused(u16, Value),
}

impl Api {
    /// The user who has this token.
    pub(crate) fn new(server: SocketAddr, token: &str, ca: &Path) -> Self {
        Self { peer: RwLock::new(Peer::new(server, token, ca)), connection: Mutex::new(None) }
    }

    /// From now on the authority in this file is the one that it trusts.
    pub(crate) fn trust(&self, ca: &Path) {
        let trusting = self.peer().trusting(ca);
        *self.peer.write().unwrap_or_else(PoisonError::into_inner) = trusting;
    }

    fn peer(&self) -> Peer {
        self.peer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a document.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.request(&Request { method: "GET", path, kind: JSON, body: "" }).await
    }

    /// Asks for a document, and leaves it unread, so that the server cannot get rid of it.
    pub(crate) async fn leave_unread(&self, path: &str) -> Result<Lines, ApiError> {
        self.lines(path).await
    }

    /// Makes an object.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.request(&Request { method: "POST", path, kind: JSON, body: &object.to_string() }).await
    }

    /// Changes an object by a merge patch.
    pub(crate) async fn patch(&self, path: &str, patch: &Value) -> Result<Value, ApiError> {
        self.request(&Request { method: "PATCH", path, kind: MERGE_PATCH, body: &patch.to_string() }).await
    }

    /// Deletes an object, with these options.
    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Result<Value, ApiError> {
        let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        for (name, value) in options.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.request(&Request { method: "DELETE", path, kind: JSON, body: &body.to_string() }).await
    }

    /// Follows a list from this version on.
    pub(crate) async fn watch(&self, path: &str, version: &str) -> Result<Lines, ApiError> {
        self.lines(&format!("{path}?watch=1&resourceVersion={version}")).await
    }

    async fn lines(&self, path: &str) -> Result<Lines, ApiError> {
        let connection = self.peer().connect().await?;
        let (status, lines) =
            connection.watch(&Request { method: "GET", path, kind: JSON, body: "" }).await?;
        if status == 200 { Ok(lines) } else { Err(ApiError::Refused(status, Value::Null)) }
    }

    async fn request(&self, request: &Request<'_>) -> Result<Value, ApiError> {
        let mut own = self.connection.lock().await;
        let mut connection = match own.take() {
            Some(connection) => connection,
            None => self.peer().connect().await?,
        };
        let (status, document) = connection.request(request).await?;
        *own = Some(connection);
        if (200..300).contains(&status) { Ok(document) } else { Err(ApiError::Refused(status, document)) }
    }
}
