//! What the handlers share, and the small ones of them.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use utoipa::ToSchema;

use super::{error::ApiError, health_probe::HealthProbe, steering::Steering};
use crate::{
    settings::EffectiveSetting,
    status::{Change, Latest, TrafficCache},
};

/// So many clients may wait for changes or listen to them. The rest of the connections is for those that ask.
pub(super) const MAX_WAITING: usize = 64;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Api {
    pub(super) probe: HealthProbe,
    pub(super) latest: watch::Receiver<Latest>,
    pub(super) traffic: TrafficCache,
    pub(super) steering: Steering,
    settings: Arc<[EffectiveSetting]>,
    turns: Arc<Semaphore>,
}

impl Api {
    /// The state is `latest`; `probe` asks the actors, and `steering` does what a person wants.
    pub(crate) fn new(
        probe: HealthProbe,
        latest: watch::Receiver<Latest>,
        steering: Steering,
        settings: Arc<[EffectiveSetting]>,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(MAX_WAITING));
        Self { probe, latest, traffic: TrafficCache::default(), steering, settings, turns }
    }

    /// A place among those that wait.
    pub(super) fn wait(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = Arc::clone(&self.turns).try_acquire_owned();
        turn.map_err(|_| ApiError::TooManyWaiting { limit: MAX_WAITING })
    }
}

/// The last changes, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangesDocument {
    changes: Vec<Change>,
}

/// What has changed lately: 200 changes at most, since the start of stalls.
#[utoipa::path(
    get, path = "/v1/changes",
    responses((status = 200, description = "The changes, the newest first", body = ChangesDocument))
)]
pub(super) async fn changes(api: web::Data<Api>) -> HttpResponse {
    let changes = api.latest.borrow().history.changes().cloned().collect();
    HttpResponse::Ok().json(ChangesDocument { changes })
}

/// All settings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigDocument<'a> {
    settings: &'a [EffectiveSetting],
}

/// The settings in effect.
#[utoipa::path(
    get, path = "/v1/config",
    responses((status = 200, description = "The settings", body = ConfigDocument))
)]
pub(super) async fn config(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(ConfigDocument { settings: &api.settings })
}
