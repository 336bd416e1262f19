//! The HTTP server of the admin address.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    guard::{Any, Get, Head},
    http::{KeepAlive, header},
    web::{Data, resource, route},
};
use futures_util::future::join;
use slog::{Logger, error, info};
use stalls_actors::outage::Outage;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{health_probe::HealthProbe, health_response::HealthResponse};

/// A request takes milliseconds, and connections beyond this number wait for their turn. An idle client occupies a
/// descriptor until `CLIENT_LIMIT`.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send its request, and to close the connection after the response.
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
/// The pause before an address that cannot be bound is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Serves until `stopped`. An address that cannot be bound is logged and tried again: the ports are served without it.
pub(super) async fn run(
    address: SocketAddr,
    probe: HealthProbe,
    mut stopped: oneshot::Receiver<()>,
    log: Logger,
) {
    let mut outage = Outage::default();
    loop {
        let error = match listen(address, &probe) {
            Ok(server) => {
                let lasted = outage.succeeded(Instant::now()).map(|ended| ended.lasted.as_millis() as u64);
                info!(log, "listening on admin address"; "address" => %address, "failed_for_ms" => lasted);
                let handle = server.handle();
                tokio::pin!(server);
                let ended = tokio::select! {
                    ended = &mut server => ended,
                    _ = &mut stopped => {
                        let _ = join(handle.stop(false), server).await;
                        return;
                    }
                };
                ended.err().unwrap_or_else(|| io::Error::other("the server stopped"))
            }
            Err(error) => error,
        };
        if outage.failed("listen", Instant::now()) {
            error!(log, "cannot listen on admin address, ports are served without it";
                "address" => %address, "error" => %error, "retry_ms" => RETRY.as_millis() as u64);
        }
        tokio::select! {
            () = sleep(RETRY) => {}
            _ = &mut stopped => return,
        }
    }
}

fn listen(address: SocketAddr, probe: &HealthProbe) -> io::Result<Server> {
    let listener = TcpListener::bind(address)?;
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
        .keep_alive(KeepAlive::Disabled)
        .listen(listener)?;
    Ok(server.run())
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
