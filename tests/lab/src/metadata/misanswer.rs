//! Answering as the fault in force demands.

use std::{io, net::IpAddr, time::Duration};

use serde_json::{Value, json};
use tokio::time;

use super::{
    fault::{Fault, RequestKind},
    serve::{answer, answer_at_once, error, found, kind, plain},
    state::State,
};
use crate::http::{Connection, Request, Response};

/// The pause after each byte of [`Fault::Drip`].
const DRIP_PAUSE: Duration = Duration::from_secs(1);

/// Does what the fault says; gives the connection back if it is still good for a next request.
pub(super) async fn misanswer(
    state: &State,
    mut connection: Connection,
    request: &Request,
    client: IpAddr,
    fault: Fault,
) -> io::Result<Option<Connection>> {
    let right = || answer_at_once(state, request, client);
    let ends_the_connection = fault.ends_the_connection();
    match fault {
        Fault::Refuse | Fault::Close => {}
        Fault::Hang => tokio::select! {
            () = state.mended() => connection.send(&right()).await?,
            () = connection.closed() => {}
        },
        Fault::Abort => connection.end_by_reset()?,
        Fault::Truncated => connection.send_half(&right()).await?,
        Fault::TruncatedChunk => connection.send_half_in_a_chunk(&right()).await?,
        Fault::Reset => {
            connection.send_half(&right()).await?;
            connection.end_by_reset()?;
        }
        Fault::Stall => {
            let response = right();
            connection.send_half(&response).await?;
            state.mended().await;
            connection.send_raw(response.halves().1).await?;
        }
        Fault::Drip => {
            let response = right();
            connection.send_head(&response).await?;
            for byte in &response.body {
                connection.send_raw(&[*byte]).await?;
                let _ = time::timeout(DRIP_PAUSE, state.mended()).await;
            }
        }
        Fault::Huge(length) => connection.send_huge(&plain(200, ""), length).await?,
        Fault::Raw(bytes) => connection.send_raw(&bytes).await?,
        Fault::CloseOnReuse if connection.is_reused() => return Ok(None),
        Fault::CloseOnReuse | Fault::CloseAfterAnswer => {
            connection.send(&answer(state, request, client).await).await?;
        }
        answered => connection.send(&wrong(state, request, client, answered)).await?,
    }
    Ok((!ends_the_connection).then_some(connection))
}

/// An answer that is whole as HTTP.
fn wrong(state: &State, request: &Request, client: IpAddr, fault: Fault) -> Response {
    match fault {
        Fault::NotFound => error(request, "Not found"),
        Fault::NotFoundSaying(words) => error(request, &words),
        Fault::InvalidVersion => error(request, "Invalid version"),
        Fault::InternalError => plain(500, "Internal Server Error\n"),
        Fault::Redirect(url) => plain(302, "").with("Location", &url),
        Fault::Html => plain(200, "<!DOCTYPE html><html><body>Please log in.</body></html>\n"),
        Fault::BadJson => plain(200, r#"{"name": "web", "containers": [{"name": "app-w"#),
        Fault::WrongTypes => plain(200, wrong_types(kind(request)).to_string()),
        Fault::EmptyBody => plain(200, ""),
        Fault::Body(body) => plain(200, body),
        Fault::RandomVersion if kind(request) == RequestKind::Version => {
            found(request, &Value::from(state.random_version()))
        }
        _ => answer_at_once(state, request, client),
    }
}

fn wrong_types(kind: RequestKind) -> Value {
    match kind {
        RequestKind::Version => json!({ "version": 7 }),
        RequestKind::Document => json!({ "name": ["web"], "scale": "three", "containers": 7 }),
    }
}
