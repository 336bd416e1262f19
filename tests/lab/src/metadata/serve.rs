//! Serving one connection: well, or as the fault in force demands.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    api_version::ApiVersion,
    fault::{Fault, RequestKind},
    http::{Connection, Request, Response},
    state::State,
    text,
};

/// The pause after each byte of [`Fault::Drip`].
const DRIP_PAUSE: Duration = Duration::from_secs(1);

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

fn kind(request: &Request) -> RequestKind {
    match request.path.as_slice() {
        [_, path] if path == "version" => RequestKind::Version,
        _ => RequestKind::Document,
    }
}

/// The right answer, after the wait that the request asks for.
async fn answer(state: &State, request: &Request, client: IpAddr) -> Response {
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
fn answer_at_once(state: &State, request: &Request, client: IpAddr) -> Response {
    let api = request.path.first().and_then(|version| ApiVersion::parse(version));
    match api.and_then(|api| state.lookup(api, request, client)) {
        Some(value) => found(request, &value),
        None => error(request, "Not found"),
    }
}

/// Does what the fault says; gives the connection back if it is still good for a next request.
async fn misanswer(
    state: &State,
    mut connection: Connection,
    request: &Request,
    client: IpAddr,
    fault: Fault,
) -> io::Result<Option<Connection>> {
    let response = match fault {
        Fault::Refuse => return Ok(None),
        Fault::Hang => {
            connection.closed().await;
            return Ok(None);
        }
        Fault::Truncated => {
            connection.send_half(&answer_at_once(state, request, client)).await?;
            return Ok(None);
        }
        Fault::Reset => {
            connection.send_half(&answer_at_once(state, request, client)).await?;
            connection.reset()?;
            return Ok(None);
        }
        Fault::Drip => {
            connection.drip(&answer_at_once(state, request, client), DRIP_PAUSE).await?;
            return Ok(Some(connection));
        }
        Fault::Huge(length) => {
            connection.send_huge(length).await?;
            return Ok(Some(connection));
        }
        Fault::NotFound => error(request, "Not found"),
        Fault::InvalidVersion => error(request, "Invalid version"),
        Fault::InternalError => Response::new(500, "Internal Server Error\n"),
        Fault::Redirect(url) => Response { location: Some(url), ..Response::new(302, "") },
        Fault::Html => Response::new(200, "<!DOCTYPE html><html><body>Please log in.</body></html>\n"),
        Fault::BadJson => Response::new(200, r#"{"name": "web", "containers": [{"name": "app-w"#),
        Fault::WrongTypes => Response::new(200, wrong_types(kind(request)).to_string()),
        Fault::EmptyBody => Response::new(200, ""),
        Fault::Body(body) => Response::new(200, body),
        Fault::InstantVersion => answer_at_once(state, request, client),
        Fault::RandomVersion => match kind(request) {
            RequestKind::Version => found(request, &Value::from(state.random_version())),
            RequestKind::Document => answer_at_once(state, request, client),
        },
    };
    connection.send(&response).await?;
    Ok(Some(connection))
}

fn wrong_types(kind: RequestKind) -> Value {
    match kind {
        RequestKind::Version => json!({ "version": 7 }),
        RequestKind::Document => json!({ "name": ["web"], "scale": "three", "containers": 7 }),
    }
}

/// The list of versions; before the first data there are none but `latest`.
fn root(has_data: bool) -> Value {
    let versions = ApiVersion::ALL.iter().map(|version| version.name()).filter(|_| has_data);
    versions.chain(["latest"]).map(|name| (name.to_owned(), Value::from(format!("/{name}")))).collect()
}

fn found(request: &Request, value: &Value) -> Response {
    Response::new(200, if request.wants_json { value.to_string() } else { text::listing(value) })
}

fn error(request: &Request, message: &str) -> Response {
    let body = if request.wants_json {
        json!({ "code": 404, "message": message, "type": "error" }).to_string()
    } else {
        message.to_owned()
    };
    Response::new(404, body + "\n")
}
