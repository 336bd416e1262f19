//! The HTTP server of the admin side.

use std::{io, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    guard::{Any, Get, Head},
    http::{KeepAlive, header},
    web::{Data, resource, route},
};
use futures_util::future::join;
use slog::{Logger, debug, error, info};
use stalls_actors::outage::Outage;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    endpoint::{Endpoint, Listener},
    health_probe::HealthProbe,
    health_response::HealthResponse,
};

/// A request takes milliseconds, and connections beyond this number wait for their turn. An idle client occupies a
/// descriptor until `CLIENT_LIMIT`.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send its request, and to close the connection after the response.
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
/// The pause before an address that cannot be bound is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Serves until `stopped`. What cannot be bound is logged and tried again: the ports are served without it.
pub(super) async fn run(
    endpoint: Endpoint,
    probe: HealthProbe,
    mut stopped: oneshot::Receiver<()>,
    log: Logger,
) {
    let mut outage = Outage::default();
    endpoint.remove_predecessors();
    loop {
        let error = match listen(&endpoint, &probe) {
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
fn listen(endpoint: &Endpoint, probe: &HealthProbe) -> io::Result<(Server, Option<(u64, u64)>)> {
    let listener = endpoint.listen()?;
    let probe = Data::new(probe.clone());
    let readable = || route().guard(Any(Get()).or(Head()));
    let app = move || {
        App::new()
            .app_data(Data::clone(&probe))
            .service(resource("/healthz").route(readable().to(health)))
            .service(resource("/readyz").route(readable().to(readiness)))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(CLIENT_LIMIT)
        .client_disconnect_timeout(CLIENT_LIMIT)
        .keep_alive(KeepAlive::Disabled);
    let (server, file) = match listener {
        Listener::Address(listener) => (server.listen(listener)?, None),
        Listener::Socket(listener, file) => (server.listen_uds(listener)?, Some(file)),
    };
    Ok((server.run(), file))
}

async fn health(probe: Data<HealthProbe>) -> HttpResponse {
    respond(&HealthResponse::of_health(&probe.ask().await))
}

async fn readiness(probe: Data<HealthProbe>) -> HttpResponse {
    respond(&HealthResponse::of_readiness(&probe.ask().await))
}

fn respond(body: &HealthResponse) -> HttpResponse {
    let mut response = if body.is_ok() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}
