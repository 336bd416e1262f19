//! The HTTP server of the admin side.

use std::{any::Any, io, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::{Extensions, Server},
    http::KeepAlive,
    middleware::{Condition, from_fn},
    rt::net::{TcpStream, UnixStream},
    web::Data,
};
use futures_util::future::join;
use slog::{Logger, debug, error, info};
use socket2::SockRef;
use stalls_actors::outage::Outage;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    api::Api,
    endpoint::{Endpoint, Listener},
    health_response::HealthResponse,
    host_check::AllowedHosts,
    routes::{check_host, headers, read_only, steering},
    steering::Peer,
};

/// A request takes milliseconds, and connections beyond this number wait for their turn. An idle client occupies a
/// descriptor until `CLIENT_LIMIT`.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send its request, and to close the connection after the response.
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
/// How long a client may leave what it was sent without a word.
const STUCK_LIMIT: Duration = Duration::from_secs(30);
/// The pause before an address that cannot be bound is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What is served, and by which names.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) api: Api,
    pub(super) hosts: AllowedHosts,
}

/// Serves until `stopped`. What cannot be bound is logged and tried again: the ports are served without it.
pub(super) async fn run(endpoint: Endpoint, served: Served, mut stopped: oneshot::Receiver<()>, log: Logger) {
    let mut outage = Outage::default();
    endpoint.remove_predecessors();
    loop {
        let error = match listen(&endpoint, &served) {
            Ok((server, file)) => {
                let lasted = outage.succeeded(Instant::now()).map(|ended| ended.lasted.as_millis() as u64);
                match endpoint {
                    Endpoint::Address(address) => {
                        info!(log, "listening on admin address"; "address" => %address, "failed_for_ms" => lasted);
                    }
                    Endpoint::Socket(_) => {
                        debug!(log, "listening on admin socket"; "path" => %endpoint, "failed_for_ms" => lasted);
                    }
                }
                let handle = server.handle();
                tokio::pin!(server);
                let ended = tokio::select! {
                    ended = &mut server => ended,
                    () = endpoint.removed(file) => {
                        let _ = join(handle.stop(false), server).await;
                        continue;
                    }
                    _ = &mut stopped => {
                        endpoint.remove(file);
                        let _ = join(handle.stop(false), server).await;
                        return;
                    }
                };
                endpoint.remove(file);
                ended.err().unwrap_or_else(|| io::Error::other("the server stopped"))
            }
            Err(error) => error,
        };
        if outage.failed("listen", Instant::now()) {
            error!(log, "cannot listen on admin address, ports are served without it";
                "address" => %endpoint, "error" => %error, "retry_ms" => RETRY.as_millis() as u64);
        }
        tokio::select! {
            () = sleep(RETRY) => {}
            _ = &mut stopped => return,
        }
    }
}

/// The server, and the file of its socket.
fn listen(endpoint: &Endpoint, served: &Served) -> io::Result<(Server, Option<(u64, u64)>)> {
    let listener = endpoint.listen()?;
    let Served { api, hosts } = served;
    let (api, hosts) = (Data::new(api.clone()), Data::new(hosts.clone()));
    // The socket is this user's alone, and no browser gets there.
    let is_socket = matches!(endpoint, Endpoint::Socket(_));
    let app = move || {
        App::new()
            .app_data(Data::clone(&api))
            .app_data(Data::clone(&hosts))
            .wrap(Condition::new(!is_socket, from_fn(check_host)))
            .wrap(headers())
            .configure(|config| {
                if is_socket {
                    steering(config);
                }
            })
            .configure(read_only)
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(CLIENT_LIMIT)
        .client_disconnect_timeout(CLIENT_LIMIT)
        .shutdown_timeout(0)
        .keep_alive(KeepAlive::Disabled)
        .on_connect(note_connection);
    let (server, file) = match listener {
        Listener::Address(listener) => (server.listen(listener)?, None),
        Listener::Socket(listener, file) => (server.listen_uds(listener)?, Some(file)),
    };
    Ok((server.run(), file))
}

/// A client that takes nothing of its answer is given up, and the socket's tells who it is.
fn note_connection(connection: &dyn Any, extensions: &mut Extensions) {
    if let Some(stream) = connection.downcast_ref::<TcpStream>() {
        let _ = SockRef::from(stream).set_tcp_user_timeout(Some(STUCK_LIMIT));
    }
    if let Some(stream) = connection.downcast_ref::<UnixStream>()
        && let Ok(peer) = stream.peer_cred()
    {
        extensions.insert(Peer { uid: peer.uid() });
    }
}

/// Whether every part of stalls answers and HAProxy runs.
#[utoipa::path(
    get, path = "/healthz",
    responses(
        (status = 200, description = "It is so", body = HealthResponse),
        (status = 503, description = "It is not, for these reasons", body = HealthResponse),
    )
)]
pub(super) async fn health(api: Data<Api>) -> HttpResponse {
    respond(&HealthResponse::of_health(&api.probe.ask().await))
}

/// Whether a plan is in force.
#[utoipa::path(
    get, path = "/readyz",
    responses(
        (status = 200, description = "It is so", body = HealthResponse),
        (status = 503, description = "It is not, for these reasons", body = HealthResponse),
    )
)]
pub(super) async fn readiness(api: Data<Api>) -> HttpResponse {
    respond(&HealthResponse::of_readiness(&api.probe.ask().await))
}

fn respond(body: &HealthResponse) -> HttpResponse {
    let mut response = if body.is_ok() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(body)
}
