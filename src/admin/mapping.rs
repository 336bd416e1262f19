//! `GET /v1/mapping`: the document, filtered, and at once or as soon as it is another one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use stalls_actors::haproxy::Traffic;
use tokio::{sync::watch, time::timeout};
use utoipa::{IntoParams, ToSchema};

use super::{api::Api, error::ApiError};
use crate::{
    doctor::Finding,
    status::{EventId, Haproxy, Latest, PortState, PortStatus, Service, Source, Status, Timestamp, Unmapped},
};

/// How long a client may wait for a change: below the idle time-outs of the proxies of the field.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// Which part of the document is wanted, and when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MappingQuery {
    /// Only ports in this state.
    state: Option<PortState>,
    /// Only this port.
    #[param(minimum = 0, maximum = 65535)]
    port: Option<u16>,
    /// Only the ports and containers of this service, as it is called in the answers.
    service: Option<String>,
    /// The `id` or the `revision` of an earlier answer: the answer comes once it is another one, or after 25 s.
    #[param(pattern = "^([0-9]{1,19}|[0-9a-f]{1,8}-[0-9]{1,19})$")]
    wait: Option<String>,
}

/// Everything at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MappingDocument {
    /// Of all that stands here but the counters: another one after every change.
    #[schema(value_type = String, example = "5f3a9c01-42")]
    id: EventId,
    /// Of the newest plan, as in the log; 0 before the first.
    revision: u64,
    /// SHA-256, in hex, of a line `PORT UUID` for each port that a container has, ascending, each ended by a line feed.
    /// Hosts that map the same have the same hash.
    #[schema(value_type = String)]
    hash: Arc<str>,
    /// The version of stalls.
    version: &'static str,
    /// When stalls was started.
    started: Timestamp,
    /// The time of this state.
    at: Timestamp,
    services: Vec<Service>,
    source: Source,
    haproxy: Haproxy,
    ports: Vec<PortRow>,
    unmapped: Vec<Unmapped>,
    findings: Vec<Finding>,
}

/// One port, with what HAProxy counts since it was started; without, if it does not answer or was not asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortRow {
    #[serde(flatten)]
    #[schema(value_type = PortStatus)]
    status: Arc<PortStatus>,
    /// The connections that are open.
    sessions: Option<u64>,
    /// The bytes that clients have sent.
    bytes_in: Option<u64>,
    /// The bytes that clients have received.
    bytes_out: Option<u64>,
    /// When the last connection came, to the second; none if none has come since HAProxy was started.
    last_used: Option<Timestamp>,
}

/// What a client knows already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Id(EventId),
    Revision(u64),
}

/// Which container is on which port, and why.
#[utoipa::path(
    get, path = "/v1/mapping", params(MappingQuery),
    responses(
        (status = 200, description = "The document", body = MappingDocument),
        (status = 400, description = "A parameter is wrong", body = super::error::ErrorBody),
        (status = 503, description = "Too many clients wait already", body = super::error::ErrorBody),
    )
)]
pub(super) async fn mapping(
    api: web::Data<Api>,
    query: web::Query<MappingQuery>,
) -> Result<HttpResponse, ApiError> {
    let mut latest = api.latest.clone();
    if let Some(known) = &query.wait {
        let known = known.parse()?;
        let _turn = api.wait()?;
        let _ = timeout(LONGEST_WAIT, until_news(&mut latest, known)).await;
    }
    let Latest { status, haproxy_socket, .. } = latest.borrow_and_update().clone();
    let traffic = match (&haproxy_socket, query.port) {
        (None, _) => Arc::default(),
        (Some(socket), None) => api.traffic.all(socket).await,
        (Some(socket), Some(port)) => Arc::new(api.traffic.of(socket, port).await),
    };
    Ok(HttpResponse::Ok().json(document(&status, &query, &traffic)))
}

/// Waits until the state is another one than the `known` one.
async fn until_news(latest: &mut watch::Receiver<Latest>, known: Known) {
    let is_news = |latest: &Latest| match known {
        Known::Id(id) => latest.status.id != id,
        Known::Revision(revision) => latest.status.revision != revision,
    };
    let _ = latest.wait_for(is_news).await;
}

/// The document without counters, as the stream of events begins.
pub(super) fn without_counters(status: &Status) -> MappingDocument {
    document(status, &MappingQuery::default(), &BTreeMap::new())
}

fn document(status: &Status, query: &MappingQuery, traffic: &BTreeMap<u16, Traffic>) -> MappingDocument {
    let is_service = |service: &str| query.service.as_deref().is_none_or(|wanted| wanted == service);
    let is_wanted = |port: &&Arc<PortStatus>| {
        query.state.is_none_or(|state| state == port.state)
            && query.port.is_none_or(|wanted| wanted == port.port)
            && is_service(&port.service)
    };
    let row = |status: &Arc<PortStatus>| {
        let traffic = traffic.get(&status.port);
        PortRow {
            status: Arc::clone(status),
            sessions: traffic.map(|it| it.sessions),
            bytes_in: traffic.map(|it| it.bytes_in),
            bytes_out: traffic.map(|it| it.bytes_out),
            last_used: traffic.and_then(|it| it.last_used_seconds_ago).map(Timestamp::seconds_ago),
        }
    };
    MappingDocument {
        id: status.id,
        revision: status.revision,
        hash: Arc::clone(&status.hash),
        version: env!("CARGO_PKG_VERSION"),
        started: status.started,
        at: status.at,
        services: status.services.clone(),
        source: status.source.clone(),
        haproxy: status.haproxy.clone(),
        ports: status.ports.values().filter(is_wanted).map(row).collect(),
        unmapped: status.unmapped.iter().filter(|it| is_service(&it.service)).cloned().collect(),
        findings: status.findings.to_vec(),
    }
}

impl std::str::FromStr for Known {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let id = text.parse().map(Self::Id).ok();
        id.or_else(|| text.parse().map(Self::Revision).ok()).ok_or_else(|| {
            ApiError::BadQuery("wait: give the id or the revision of an earlier answer".to_owned())
        })
    }
}
