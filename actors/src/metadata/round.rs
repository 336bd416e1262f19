//! One round of asking: for the version, and for the documents if that has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    MetadataFault, PollerSettings,
    client::{MetadataSource, OWN_SERVICE_PATH, service_path},
    document::{parse_published_ports, parse_service},
};
use crate::domain::{PublishedPorts, ServiceRef, Snapshot};

/// What the server answers for every path before it has its first data.
const NO_DATA_YET: &str = "Invalid version";

/// How to ask for the version. While a fault lasts, its end matters more than the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PollMode {
    /// The answer comes when there is a change, or after a while.
    LongPoll,
    /// The answer comes at once.
    Immediate,
}

/// What a round brought.
pub(super) enum PollResult {
    /// The version is still the known one.
    Unchanged,
    /// The version is another one.
    Changed {
        version: String,
        /// What stalls' own service publishes, if that was asked for and is known.
        published: Option<PublishedPorts>,
        /// The document of each service, as bytes.
        documents: Vec<(ServiceRef, Result<Vec<u8>, MetadataFault>)>,
    },
}

/// Asks for the version, and if it is another than `known`, for the documents of all services.
///
/// # Errors
/// The first fault; but a fault of one service's document is part of the result.
pub(super) async fn poll<S: MetadataSource>(
    source: &S,
    settings: &PollerSettings,
    known: Option<String>,
    mode: PollMode,
    needs_published_ports: bool,
) -> Result<PollResult, MetadataFault> {
    let wait_from = known.clone().filter(|_| mode == PollMode::LongPoll);
    let version = source.version(wait_from, settings.long_poll()).await?;
    if known.as_ref() == Some(&version) {
        return Ok(PollResult::Unchanged);
    }
    let published = if needs_published_ports { own_published_ports(source).await? } else { None };
    let mut documents = Vec::new();
    for service in &settings.services {
        let document = source.document(service_path(service)).await;
        documents.push((service.clone(), document));
    }
    Ok(PollResult::Changed { version, published, documents })
}

/// Asks once for the snapshots of `services`.
///
/// # Errors
/// The first fault.
pub async fn fetch_once<S: MetadataSource>(
    source: &S,
    services: &BTreeSet<ServiceRef>,
    needs_published_ports: bool,
) -> Result<BTreeMap<ServiceRef, Arc<Snapshot>>, MetadataFault> {
    let published = if needs_published_ports { own_published_ports(source).await? } else { None };
    let published = published.unwrap_or_default();
    let mut snapshots = BTreeMap::new();
    for service in services {
        let path = service_path(service);
        let document = source.document(path.clone()).await?;
        let containers = parse_service(&path, &service.service, &document, &[])?;
        snapshots.insert(service.clone(), Arc::new(Snapshot { containers, published: published.clone() }));
    }
    Ok(snapshots)
}

/// A client that the server does not know has no `self`: for ever with host networking, for a moment when its
/// container is new.
async fn own_published_ports<S: MetadataSource>(source: &S) -> Result<Option<PublishedPorts>, MetadataFault> {
    match source.document(OWN_SERVICE_PATH.into()).await {
        Ok(document) => parse_published_ports(OWN_SERVICE_PATH, &document).map(Some),
        Err(MetadataFault::NotFound { message, .. }) if message != NO_DATA_YET => Ok(None),
        Err(fault) => Err(fault),
    }
}
