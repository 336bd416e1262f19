//! One round of asking: for the version, and for the documents if that has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    sync::Arc,
};

use rustc_hash::FxHasher;

use super::{
    MetadataFault, PollerSettings,
    client::{MetadataSource, OWN_SERVICE_PATH, other_path, service_path},
    document::{OwnService, parse_own_service, read_service},
    followed::{Followed, Known, ServiceRead},
    network,
};
use crate::domain::{Container, ServiceRef, Snapshot};

/// How to ask for the version. While a fault lasts, its end matters more than the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PollMode {
    /// The answer comes when there is a change, or after a while.
    LongPoll,
    /// The answer comes at once.
    Immediate,
}

/// What a round brought.
pub(super) struct Round {
    /// The version; `None` if it is still the known one.
    pub(super) version: Option<String>,
    /// What stalls' own service publishes, if that was asked for and is known.
    pub(super) own: Option<OwnService>,
    /// Of each service that was asked for: all of them if the version is another one, else those that are missing.
    pub(super) answers: Vec<(ServiceRef, Result<Answer, MetadataFault>)>,
}

/// What the server says of a service.
pub(super) enum Answer {
    /// The same as before.
    AsBefore,
    /// Another document than before.
    Read(ServiceRead),
    /// It does not know the service, and answers otherwise.
    Missing(MetadataFault),
}

/// Asks for the version, and if it is another than the known one, for the documents of all services.
///
/// # Errors
/// The first fault; but a fault of one service's document is part of the result.
pub(super) async fn poll<S: MetadataSource>(
    source: &S,
    settings: &PollerSettings,
    followed: &Followed,
    mode: PollMode,
) -> Result<Round, MetadataFault> {
    let wait_from = followed.version.clone().filter(|_| mode == PollMode::LongPoll);
    let version = source.version(wait_from, settings.long_poll()).await?;
    let version = Some(version).filter(|version| followed.version.as_ref() != Some(version));
    let needs_own = version.is_some() && followed.published.is_none();
    let own = if needs_own { own_service(source).await? } else { None };
    let mut answers = Vec::new();
    for (service, known) in &followed.services {
        if version.is_some() || known.is_missing() {
            answers.push((service.clone(), ask(source, service, known).await));
        }
    }
    Ok(Round { version, own, answers })
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
    let own = if needs_published_ports { own_service(source).await? } else { None };
    let published = own.unwrap_or_default().published;
    let mut snapshots = BTreeMap::new();
    for service in services {
        let read = match ask(source, service, &Known::default()).await? {
            Answer::Read(read) => read,
            Answer::AsBefore => ServiceRead::default(),
            Answer::Missing(fault) => return Err(fault),
        };
        let snapshot =
            Snapshot { containers: read.containers, published: published.clone(), why_empty: read.why_empty };
        snapshots.insert(service.clone(), Arc::new(snapshot));
    }
    Ok(snapshots)
}

async fn ask<S: MetadataSource>(
    source: &S,
    service: &ServiceRef,
    known: &Known,
) -> Result<Answer, MetadataFault> {
    let path = service_path(service);
    let document = match source.document(path.clone()).await {
        // A server that answers nothing else either has lost its data for a moment.
        Err(fault) if fault.is_verdict() && source.document(other_path(service)).await.is_ok() => {
            return Ok(Answer::Missing(fault));
        }
        document => document?,
    };
    let hash = hash(&document);
    if known.document == Some(hash) {
        return Ok(Answer::AsBefore);
    }
    let older = known.snapshot.as_ref().map(|older| older.containers.as_slice()).unwrap_or_default();
    let (mut read, guests) = read_service(&path, &service.service, &document, older)?;
    for (uuid, owner) in &guests {
        if let Some(address) = network::address(source, owner).await? {
            let of_guest = |it: &&mut Arc<Container>| it.address.is_none() && *it.uuid == **uuid;
            for container in read.containers.iter_mut().filter(of_guest) {
                Arc::make_mut(container).address = Some(address.as_str().into());
            }
        }
    }
    read.document = guests.is_empty().then_some(hash);
    Ok(Answer::Read(read))
}

fn hash(document: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(document);
    hasher.finish()
}

/// A client that the server does not know has no `self`: for ever with host networking, for a moment when its
/// container is new.
async fn own_service<S: MetadataSource>(source: &S) -> Result<Option<OwnService>, MetadataFault> {
    match source.document(OWN_SERVICE_PATH.into()).await {
        Ok(document) => parse_own_service(OWN_SERVICE_PATH, &document).map(Some),
        Err(fault) if fault.is_verdict() => Ok(None),
        Err(fault) => Err(fault),
    }
}
