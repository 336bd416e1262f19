//! What a person may do to a port. Only on the socket in `RUN_DIR`, which is this user's alone: there is no way to it over
//! TCP, whatever a browser or a scraper is made to send.

use actix::{MailboxError, Message, Recipient};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use stalls_actors::{
    allocation::Hold,
    messages::{CutPort, ReleasePort},
};
use tokio::time::Duration;
use utoipa::ToSchema;

use super::{api::Api, error::ApiError};

/// An actor answers within a millisecond: none waits in a handler.
const LIMIT: Duration = Duration::from_secs(2);

/// The actors that do it.
#[derive(Clone)]
pub(crate) struct Steering {
    pub(crate) allocator: Recipient<ReleasePort>,
    pub(crate) supervisor: Recipient<CutPort>,
}

/// The user at the other end of a connection to the socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) uid: u32,
}

/// What held a port.
#[derive(Debug, Serialize, ToSchema)]
struct Released {
    port: u16,
    #[schema(value_type = String)]
    held: Hold,
}

/// How many connections are being ended.
#[derive(Debug, Serialize, ToSchema)]
struct Cut {
    port: u16,
    /// How many there were a moment ago; `None` if HAProxy did not say.
    connections: Option<u64>,
}

/// Ends what holds a port: its container lingers, it is reserved, or its container flaps.
pub(super) async fn release(
    api: web::Data<Api>,
    port: web::Path<u16>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let port = port.into_inner();
    let held =
        ask(&api.steering.allocator, ReleasePort { port, uid: uid(&request) }, "PortAllocator").await?;
    let held = held.ok_or(ApiError::NotHeld(port))?;
    Ok(HttpResponse::Ok().json(Released { port, held }))
}

/// Ends the connections on a port.
pub(super) async fn cut(
    api: web::Data<Api>,
    port: web::Path<u16>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let port = port.into_inner();
    let socket = api.latest.borrow().haproxy_socket.clone();
    let traffic = match &socket {
        Some(socket) => api.traffic.of(socket, port).await,
        None => Default::default(),
    };
    let connections = traffic.get(&port).map(|traffic| traffic.sessions);
    let cut = CutPort { port, uid: uid(&request) };
    match ask(&api.steering.supervisor, cut, "HaproxySupervisor").await? {
        true => Ok(HttpResponse::Ok().json(Cut { port, connections })),
        false => Err(ApiError::NoSuchPort(port)),
    }
}

/// Who asks; the kernel says so. A connection without it would not be served here.
fn uid(request: &HttpRequest) -> u32 {
    request.conn_data::<Peer>().map_or(u32::MAX, |peer| peer.uid)
}

async fn ask<M: Message<Result: Send> + Send>(
    actor: &Recipient<M>,
    request: M,
    name: &'static str,
) -> Result<M::Result, ApiError> {
    let answer = actor.send(request).timeout(LIMIT).await;
    answer.map_err(|_: MailboxError| ApiError::NoAnswer(name))
}
