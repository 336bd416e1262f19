//! What is served where.

use actix_web::{
    Error, HttpResponse, Resource, ResponseError,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::QueryPayloadError,
    guard::{Any, Get, Head},
    http::header,
    middleware::{DefaultHeaders, Next},
    web::{Data, QueryConfig, ServiceConfig, post, resource, to},
};

use super::{
    api,
    error::ApiError,
    events::events,
    host_check::AllowedHosts,
    mapping::mapping,
    metrics::metrics,
    openapi::openapi,
    page::page,
    server::{health, readiness},
    steering::{cut, release},
};

/// Scripts, styles and data come from here alone, nothing is embedded elsewhere, and no form leads anywhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                       connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// On every answer.
pub(super) fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::CACHE_CONTROL, "no-store"))
}

/// What can be read, here and there.
pub(super) fn read_only(config: &mut ServiceConfig) {
    let query = QueryConfig::default().error_handler(|error: QueryPayloadError, _| {
        ApiError::BadQuery(format!("{error}; /v1/openapi.json lists the parameters")).into()
    });
    config
        .app_data(query)
        .configure(page)
        .service(readable("/healthz", to(health)))
        .service(readable("/readyz", to(readiness)))
        .service(readable("/metrics", to(metrics)))
        .service(readable("/v1/mapping", to(mapping)))
        .service(readable("/v1/events", to(events)))
        .service(readable("/v1/changes", to(api::changes)))
        .service(readable("/v1/config", to(api::config)))
        .service(readable("/v1/openapi.json", to(openapi)))
        .default_service(to(|| async { Err::<HttpResponse, _>(ApiError::NotFound) }));
}

/// What a person may do to a port.
pub(super) fn steering(config: &mut ServiceConfig) {
    let only_post = || to(|| async { Err::<HttpResponse, _>(ApiError::PostOnly) });
    config
        .service(resource("/v1/ports/{port}/release").route(post().to(release)).default_service(only_post()))
        .service(resource("/v1/ports/{port}/cut").route(post().to(cut)).default_service(only_post()));
}

/// What can be read there, and nothing else be done.
pub(super) fn readable(path: &str, handler: actix_web::Route) -> Resource {
    resource(path)
        .route(handler.guard(Any(Get()).or(Head())))
        .default_service(to(|| async { Err::<HttpResponse, _>(ApiError::ReadOnly) }))
}

/// Refuses requests by names that are not this host's. One without a name comes from no browser.
pub(super) async fn check_host(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default().to_owned());
    let allowed = request.app_data::<Data<AllowedHosts>>();
    match host {
        Some(host) if !allowed.is_some_and(|allowed| allowed.allow(&host)) => {
            let refusal = ApiError::ForeignHost(host).error_response();
            Ok(request.into_response(refusal).map_into_right_body())
        }
        _ => next.call(request).await.map(ServiceResponse::map_into_left_body),
    }
}
