//! `GET /v1/events`: one stream of all that changes (server-sent events), for as long as the client listens.
//!
//! A stream keeps no queue: it knows the state that its client has, and makes up for what that lacks from the history.
//! So a slow client costs nothing, and gets a snapshot once it has missed too much.

use std::{convert::Infallible, mem, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Bytes},
};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};

use super::{api::Api, error::ApiError, mapping::without_counters};
use crate::status::{EventId, Latest, Since};

/// A line without meaning in a stream in which nothing happens: proxies end those that are silent for 30 s or more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A snapshot of thousands of ports is handed over in parts, so that it is not copied for each client as a whole.
const PART: usize = 16 * 1024;
/// When a client comes back that has lost its stream; a little more or less, so that not all come at once.
const RETRY_MS: std::ops::RangeInclusive<u32> = 1_000..=3_000;

/// What changes from now on.
#[utoipa::path(
    get, path = "/v1/events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The state that the client has: the stream begins \
        with what it lacks, or with a snapshot if that is too much")),
    responses(
        (status = 200, content_type = "text/event-stream", body = String, description = "`snapshot` events have the \
            document without counters, `change` events what differs from the state before: of `services`, `source`, \
            `haproxy`, `unmapped` and `findings` those that differ, as a whole; `ports` that differ; ports that were \
            `removed`. The event's id is that of the state."),
        (status = 503, description = "Too many clients wait already", body = super::error::ErrorBody),
    )
)]
pub(super) async fn events(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let turn = api.wait()?;
    let known = request.headers().get("Last-Event-ID").and_then(|id| id.to_str().ok()?.parse().ok());
    let stream = Events { latest: api.latest.clone(), rest: Bytes::new(), known, begins: true, _turn: turn };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        // nginx would keep events back.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream.into_stream()))
}

/// A client's stream.
struct Events {
    latest: watch::Receiver<Latest>,
    /// What has been begun to be sent.
    rest: Bytes,
    /// The state that the client has.
    known: Option<EventId>,
    begins: bool,
    _turn: OwnedSemaphorePermit,
}

impl Events {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut events| async move { Some((Ok(events.next().await?), events)) })
    }

    /// What is to be sent next; `None` once stalls stops.
    async fn next(&mut self) -> Option<Bytes> {
        if mem::take(&mut self.begins) {
            self.rest = self.missing();
            return Some(format!("retry: {}\n\n", fastrand::u32(RETRY_MS)).into());
        }
        while self.rest.is_empty() {
            match timeout(KEEP_ALIVE, self.latest.changed()).await {
                Ok(Ok(())) => self.rest = self.missing(),
                Ok(Err(_)) => return None,
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
        Some(self.rest.split_to(self.rest.len().min(PART)))
    }

    /// The events that the client lacks.
    fn missing(&mut self) -> Bytes {
        let Latest { status, history, snapshot, .. } = self.latest.borrow_and_update().clone();
        match self.known.replace(status.id).map(|known| history.since(known, status.id)) {
            Some(Since::Differences(differences)) => {
                differences.iter().map(|it| event("change", it.id, it)).collect::<String>().into()
            }
            Some(Since::TooLong) | None => {
                let make = || event("snapshot", status.id, &without_counters(&status)).into();
                snapshot.get_or_init(make).clone()
            }
        }
    }
}

/// JSON has no line breaks of its own, so the data is one line.
fn event(name: &str, id: EventId, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\nid: {id}\ndata: {data}\n\n")
}
