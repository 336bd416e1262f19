//! Serving one connection: well, or as the fault in force demands.

use std::io;

use serde_json::Value;
use tokio::net::TcpStream;

use super::{
    event::error,
    fault::Fault,
    request::{Asked, Wanted},
    state::State,
    status::Status,
    watch::{Ended, stream},
};
use crate::http::{Connection, Request, Response};

/// Answers the connection's requests until either side ends it.
pub(super) async fn serve(state: &State, stream: TcpStream) {
    // As Go's server does: an event must not wait for the client's acknowledgements.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut connection = Connection::new(stream);
    while let Ok(Some(request)) = connection.request().await {
        let asked = Asked::new(&request);
        state.asked.send_modify(|all| all.push(asked.clone()));
        let answered = match state.fault_for(&asked) {
            Some(fault) => misanswer(state, &mut connection, &asked, fault).await,
            None => answer(state, &mut connection, &asked).await,
        };
        // A request that is not GET may have a body, which nobody reads here.
        if !matches!(answered, Ok(Ended::Whole)) || is_last(&request) {
            return;
        }
    }
}

fn is_last(request: &Request) -> bool {
    request.is_last || request.method != "GET"
}

/// The right answer.
async fn answer(state: &State, connection: &mut Connection, asked: &Asked) -> io::Result<Ended> {
    if asked.authorization != Some(format!("Bearer {}", state.token())) {
        return send(connection, Err(Status::unauthorized())).await;
    }
    match asked.wanted() {
        Err(status) => send(connection, Err(status)).await,
        Ok(Wanted::List(list)) => send(connection, state.list(&list)).await,
        Ok(Wanted::Watch(watch)) => match state.begin(&watch) {
            Ok(beginning) => stream(state, connection, &watch, beginning).await,
            Err(status) if state.expires_by_status() => send(connection, Err(status)).await,
            Err(status) => {
                connection.begin_chunks(&json(200, "")).await?;
                connection.send_chunk(&line(&error(&status.document))).await?;
                connection.end_chunks().await?;
                Ok(Ended::Whole)
            }
        },
    }
}

/// The answer that the fault wants.
async fn misanswer(
    state: &State,
    connection: &mut Connection,
    asked: &Asked,
    fault: Fault,
) -> io::Result<Ended> {
    let namespace = asked.namespace.as_deref().unwrap_or_default();
    let status = match fault {
        Fault::Unauthorized => Status::unauthorized(),
        Fault::Forbidden => Status::forbidden(&asked.verb, namespace),
        Fault::Gone => Status::expired(1, state.version()),
        Fault::InternalError => Status::internal_error(),
        Fault::TooManyRequests(seconds) => {
            let words = "Too many requests, please try again later.\n";
            let response = Response::new(429, "text/plain; charset=utf-8", words);
            connection.send(&response.with("Retry-After", &seconds.to_string())).await?;
            return Ok(Ended::Whole);
        }
        Fault::Hang => {
            tokio::select! {
                () = state.mended() => return answer(state, connection, asked).await,
                () = connection.closed() => return Ok(Ended::Broken),
            }
        }
        Fault::Close => return Ok(Ended::Broken),
        Fault::Body(body) => {
            connection.send(&json(200, body)).await?;
            return Ok(Ended::Whole);
        }
        Fault::Truncated => {
            let document = match asked.wanted() {
                Ok(Wanted::List(list)) => state.list(&list).unwrap_or_default(),
                _ => Value::Null,
            };
            connection.send_half(&json(200, document.to_string())).await?;
            return Ok(Ended::Broken);
        }
    };
    send(connection, Err(status)).await
}

async fn send(connection: &mut Connection, answer: Result<Value, Status>) -> io::Result<Ended> {
    let (code, document) = answer.map_or_else(|status| (status.code, status.document), |found| (200, found));
    connection.send(&json(code, line(&document))).await?;
    Ok(Ended::Whole)
}

pub(super) fn json(code: u16, body: impl Into<Vec<u8>>) -> Response {
    Response::new(code, "application/json", body).with("Cache-Control", "no-cache, private")
}

/// A document with its newline.
pub(super) fn line(document: &Value) -> Vec<u8> {
    format!("{document}\n").into_bytes()
}
