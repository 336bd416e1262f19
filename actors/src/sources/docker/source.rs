//! The seam to the poller: the containers of each followed service, when the engine says that something has changed.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::{FutureExt, LocalBoxFuture};
use slog::{Logger, warn};

use super::{
    EngineFault, EngineSettings,
    follower::Follower,
    listing::{self, Ambiguous, ServiceListing},
    note::Note,
    own_ports,
    summary::ContainerSummary,
};
use crate::{
    domain::ServiceRef,
    metadata::{Answer, Fault, Listing, Source, State},
};

/// How to follow containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerSettings {
    /// The engine.
    pub engine: EngineSettings,
    /// The network by which containers are reached; `None` leaves it to them.
    pub network: Option<String>,
}

/// The containers of an engine.
pub struct Docker {
    follower: Follower,
    network: Option<String>,
    services: BTreeSet<ServiceRef>,
    /// The beginning of the id of stalls' own container.
    own_id: Option<String>,
    /// What the log has told.
    told: BTreeSet<(ServiceRef, Note)>,
    log: Logger,
}

impl Docker {
    /// Follows these services.
    pub fn new(settings: DockerSettings, services: BTreeSet<ServiceRef>, log: Logger) -> Self {
        Self {
            follower: Follower::new(settings.engine),
            network: settings.network,
            services,
            own_id: own_ports::own_id(),
            told: BTreeSet::new(),
            log,
        }
    }

    fn state(&mut self, listed: &[ContainerSummary]) -> State {
        let mut services = BTreeMap::new();
        for service in &self.services {
            let answer = match listing::read(listed, service, self.network.as_deref()) {
                Ok(read) => {
                    tell(&self.log, &mut self.told, service, &read.notes);
                    Answer::Listed(answer(service, read))
                }
                Err(ambiguous) => Answer::Failed(Fault {
                    kind: Ambiguous::KIND,
                    subject: service.to_string(),
                    reason: ambiguous.to_string(),
                }),
            };
            services.insert(service.clone(), answer);
        }
        State { services, own: own_ports::published(listed, self.own_id.as_deref()) }
    }
}

impl Source for Docker {
    fn fault_kinds(&self) -> &'static [&'static str] {
        const COUNT: usize = EngineFault::KINDS.len() + 1;
        static KINDS: [&str; COUNT] = {
            let mut kinds = [Ambiguous::KIND; COUNT];
            let (of_engine, _) = kinds.split_at_mut(COUNT - 1);
            of_engine.copy_from_slice(&EngineFault::KINDS);
            kinds
        };
        &KINDS
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        async move {
            let listed = self.follower.next(wait).await?;
            Ok(self.state(&listed))
        }
        .boxed_local()
    }
}

impl From<EngineFault> for Fault {
    fn from(fault: EngineFault) -> Self {
        Self { kind: fault.kind(), subject: fault.subject(), reason: fault.to_string() }
    }
}

/// An engine lists all that it has.
fn answer(service: &ServiceRef, ServiceListing { containers, udp, .. }: ServiceListing) -> Listing {
    let why_empty = containers.is_empty().then(|| Arc::from(listing::why_empty(service)));
    Listing { containers, absence_is_proof: true, udp, why_empty, ..Listing::default() }
}

/// Says once of each service what a person should know.
fn tell(
    log: &Logger,
    told: &mut BTreeSet<(ServiceRef, Note)>,
    service: &ServiceRef,
    notes: &BTreeMap<Note, Arc<str>>,
) {
    for (note, container) in notes {
        if told.insert((service.clone(), note.clone())) {
            warn!(log, "a container needs attention";
                "service" => %service, "container" => &**container, "reason" => %note);
        }
    }
}
