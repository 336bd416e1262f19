//! Refusals, each with what would do.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

/// Why a request is not answered as it was meant.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum ApiError {
    #[error("there is nothing here; /v1/openapi.json lists all that there is")]
    NotFound,
    #[error("this can only be read, with GET or HEAD")]
    ReadOnly,
    #[error("this takes a POST")]
    PostOnly,
    #[error("{0}")]
    BadQuery(String),
    #[error(
        "the name {0:?} is not one that this address may be called by: use an IP address or localhost, or add the name \
         to ADMIN_HOSTS"
    )]
    ForeignHost(String),
    #[error("{limit} clients wait for changes already; ask without waiting, or later")]
    TooManyWaiting { limit: usize },
    #[error("nothing holds port {0}: no container lingers there, it is not reserved, and none flaps there")]
    NotHeld(u16),
    #[error("haproxy does not have port {0} at the moment, so it has no connections that could be ended")]
    NoSuchPort(u16),
    #[error("{0} does not answer; `stalls health` may tell why")]
    NoAnswer(&'static str),
}

/// The body of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What is wrong, and what would do.
    error: String,
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::ReadOnly | Self::PostOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadQuery(_) => StatusCode::BAD_REQUEST,
            Self::ForeignHost(_) => StatusCode::FORBIDDEN,
            Self::NotHeld(_) | Self::NoSuchPort(_) => StatusCode::CONFLICT,
            Self::TooManyWaiting { .. } | Self::NoAnswer(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::ReadOnly => drop(response.insert_header((header::ALLOW, "GET, HEAD"))),
            Self::PostOnly => drop(response.insert_header((header::ALLOW, "POST"))),
            Self::TooManyWaiting { .. } => drop(response.insert_header((header::RETRY_AFTER, "5"))),
            _ => {}
        }
        response.json(ErrorBody { error: self.to_string() })
    }
}
