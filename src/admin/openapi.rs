//! `GET /v1/openapi.json`: what there is, for programs.

use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::{api, events, mapping, metrics, server};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "stalls",
        description = "Which container is on which port, and why. Read-only: over TCP nothing can be changed.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        mapping::mapping,
        events::events,
        api::changes,
        api::config,
        server::health,
        server::readiness,
        metrics::metrics,
        openapi
    )
)]
struct Description;

/// This description.
#[utoipa::path(
    get, path = "/v1/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().json(Description::openapi())
}
