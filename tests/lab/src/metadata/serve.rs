//! Serving one connection: well, or as the fault in force demands.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{api_version::ApiVersion, fault::RequestKind, misanswer::misanswer, state::State, text};
use crate::http::{Connection, Request, Response};

/// Answers the connection's requests until either side ends it.
pub(super) async fn serve(state: &State, stream: TcpStream, client: SocketAddr) {
    // As Go's server does: a document in pieces must not wait for the client's acknowledgements.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut connection = Connection::new(stream);
    while let Ok(Some(request)) = connection.request().await {
        let kind = kind(&request);
        state.count(kind);
        let answered = tokio::select! {
            biased;
            fault = state.fault_for(kind) => misanswer(state, connection, &request, client.ip(), fault).await,
            response = answer(state, &request, client.ip()) => connection.send(&response).await.map(|()| Some(connection)),
            () = connection.closed() => return,
        };
        let Ok(Some(open)) = answered else { return };
        if request.is_last {
            return;
        }
        connection = open;
    }
}

pub(super) fn kind(request: &Request) -> RequestKind {
    match request.path.as_slice() {
        [_, path] if path == "version" => RequestKind::Version,
        _ => RequestKind::Document,
    }
}

/// The right answer, after the wait that the request asks for.
pub(super) async fn answer(state: &State, request: &Request, client: IpAddr) -> Response {
    let has_data = state.has_data();
    let Some(version) = request.path.first() else {
        return found(request, &root(has_data));
    };
    match ApiVersion::parse(version).filter(|_| has_data) {
        None => error(request, "Invalid version"),
        Some(api) => match state.lookup_waiting(api, request, client).await {
            Some(value) => found(request, &value),
            None => error(request, "Not found"),
        },
    }
}

/// The right answer without any wait.
pub(super) fn answer_at_once(state: &State, request: &Request, client: IpAddr) -> Response {
    let api = request.path.first().and_then(|version| ApiVersion::parse(version));
    match api.and_then(|api| state.lookup(api, request, client)) {
        Some(value) => found(request, &value),
        None => error(request, "Not found"),
    }
}

/// The list of versions; before the first data there are none but `latest`.
fn root(has_data: bool) -> Value {
    let versions = ApiVersion::ALL.iter().map(|version| version.name()).filter(|_| has_data);
    versions.chain(["latest"]).map(|name| (name.to_owned(), Value::from(format!("/{name}")))).collect()
}

pub(super) fn found(request: &Request, value: &Value) -> Response {
    plain(200, if request.wants_json { value.to_string() } else { text::listing(value) })
}

pub(super) fn error(request: &Request, message: &str) -> Response {
    let body = if request.wants_json {
        json!({ "code": 404, "message": message, "type": "error" }).to_string()
    } else {
        message.to_owned()
    };
    plain(404, body + "\n")
}

/// An answer whose Content-Type is, as always, plain text.
pub(super) fn plain(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response::new(status, "text/plain; charset=utf-8", body).with("Access-Control-Allow-Origin", "*")
}
