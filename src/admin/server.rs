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
use stalls_actors::episode::Episode;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{answer::Answer, inquiry::Inquiry};

/// Who asks is done in milliseconds; more than these wait their turn. Each takes a descriptor for as long as it
/// does not ask.
const MOST_CONNECTIONS: usize = 256;
/// How long a client may take to ask, and to close when it has been answered.
const CLIENT_LIMIT: Duration = Duration::from_secs(2);
/// How soon an address that cannot be had is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Serves until the `end`. That somebody else has the address is no reason not to map: it is said, and tried again.
pub(super) async fn run(address: SocketAddr, inquiry: Inquiry, mut end: oneshot::Receiver<()>, log: Logger) {
    let mut trouble = Episode::default();
    loop {
        let error = match listen(address, &inquiry) {
            Ok(server) => {
                let lasted = trouble.succeeded(Instant::now()).map(|ended| ended.lasted.as_millis() as u64);
                info!(log, "admin address is served"; "address" => %address, "failed_for_ms" => lasted);
                let handle = server.handle();
                tokio::pin!(server);
                let ended = tokio::select! {
                    ended = &mut server => ended,
                    _ = &mut end => {
                        let _ = join(handle.stop(false), server).await;
                        return;
                    }
                };
                ended.err().unwrap_or_else(|| io::Error::other("the server has ended"))
            }
            Err(error) => error,
        };
        if trouble.failed("listen", Instant::now()) {
            error!(log, "admin address cannot be served, the mapping does not depend on it";
                "address" => %address, "error" => %error, "retry_ms" => RETRY.as_millis() as u64);
        }
        tokio::select! {
            () = sleep(RETRY) => {}
            _ = &mut end => return,
        }
    }
}

fn listen(address: SocketAddr, inquiry: &Inquiry) -> io::Result<Server> {
    let listener = TcpListener::bind(address)?;
    let inquiry = Data::new(inquiry.clone());
    let readable = || route().guard(Any(Get()).or(Head()));
    let app = move || {
        App::new()
            .app_data(Data::clone(&inquiry))
            .service(resource("/healthz").route(readable().to(health)))
            .service(resource("/readyz").route(readable().to(readiness)))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .max_connections(MOST_CONNECTIONS)
        .client_request_timeout(CLIENT_LIMIT)
        .client_disconnect_timeout(CLIENT_LIMIT)
        .keep_alive(KeepAlive::Disabled)
        .listen(listener)?;
    Ok(server.run())
}

async fn health(inquiry: Data<Inquiry>) -> HttpResponse {
    respond(&Answer::of_health(&inquiry.make().await))
}

async fn readiness(inquiry: Data<Inquiry>) -> HttpResponse {
    respond(&Answer::of_readiness(&inquiry.make().await))
}

fn respond(answer: &Answer) -> HttpResponse {
    let mut response = if answer.is_yes() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((header::CACHE_CONTROL, "no-store")).json(answer)
}
