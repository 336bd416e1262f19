//! `GET /metrics`: what Prometheus scrapes, in its text format 0.0.4.

mod exported;
mod family;
#[cfg(test)]
mod tests;

use actix_web::{Error, HttpResponse, error::ErrorInternalServerError, http::header, web};
use prometheus::TextEncoder;
use serde::Deserialize;
use utoipa::IntoParams;

use self::exported::{Exported, families};
use super::{api::Api, error::ApiError};
use crate::status::Latest;

/// Prometheus 3 takes nothing without a type that it knows.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Which metrics are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MetricsQuery {
    /// 1 for the series of each port, too, for which HAProxy is asked about all ports.
    #[param(maximum = 1)]
    ports: Option<u8>,
}

/// Counters and states for Prometheus. Those of HAProxy are missing while it does not answer.
#[utoipa::path(
    get, path = "/metrics", params(MetricsQuery),
    responses(
        (status = 200, description = "The metrics", content_type = "text/plain", body = String),
        (status = 400, description = "A parameter is wrong", body = super::error::ErrorBody),
    )
)]
pub(super) async fn metrics(
    api: web::Data<Api>,
    query: web::Query<MetricsQuery>,
) -> Result<HttpResponse, Error> {
    let with_ports = match query.ports.unwrap_or_default() {
        0 => false,
        1 => true,
        _ => Err(ApiError::BadQuery("ports: give 1 for the series of each port, or 0".to_owned()))?,
    };
    let Latest { status, haproxy_socket, .. } = api.latest.borrow().clone();
    let reports = api.probe.ask().await;
    let process = match &haproxy_socket {
        Some(socket) => api.traffic.total(socket).await,
        None => None,
    };
    let traffic = match haproxy_socket.as_ref().filter(|_| with_ports) {
        Some(socket) => Some(api.traffic.all(socket).await),
        None => None,
    };
    let text = text(&Exported {
        status: &status,
        faults: reports.poller.as_ref().ok().map(|report| &report.faults),
        counters: reports.supervisor.as_ref().ok().map(|report| &report.counters),
        process,
        ports: with_ports,
        traffic: traffic.as_deref(),
    })
    .map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, TEXT_FORMAT)).body(text))
}

fn text(exported: &Exported<'_>) -> prometheus::Result<String> {
    // The encoder takes no metric without a series.
    let families: Vec<_> = families(exported).into_iter().filter(|it| !it.get_metric().is_empty()).collect();
    TextEncoder::new().encode_to_string(&families)
}
