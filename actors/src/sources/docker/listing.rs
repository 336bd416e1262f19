//! From the engine's list to the containers of each service. Pure.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::{NonZeroU16, NonZeroU64},
    sync::Arc,
};

use thiserror::Error;

use super::{
    labels::{Compose, Labels},
    network,
    note::Note,
    own_ports::udp_ports,
    summary::ContainerSummary,
    vocabulary,
};
use crate::{
    domain::{Container, Lifecycle, ServiceRef},
    excerpt::{beginning, excerpt},
    metadata::PublishedUdp,
};

/// The containers of one service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ServiceListing {
    /// Ordered by (`created`, `uuid`), each uuid once.
    pub(super) containers: Vec<Arc<Container>>,
    /// What they publish over UDP.
    pub(super) udp: BTreeSet<PublishedUdp>,
    /// What is to be said, with the first container of which it is so.
    pub(super) notes: BTreeMap<Note, Arc<str>>,
}

/// Several projects have a Compose service of the name, and the setting names none of them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the projects {projects:?} of Compose all have a service {service:?}; name one: STACK_NAME=PROJECT, or \
     PROJECT/SERVICE in MAPPINGS"
)]
pub(super) struct Ambiguous {
    service: String,
    projects: Vec<String>,
}

impl Ambiguous {
    /// The bounded label for logs and metrics.
    pub(super) const KIND: &str = "ambiguous_service";
    /// Of so many projects the names are told.
    const MAX_TOLD: usize = 8;
}

/// The containers of `service` among all that the engine has `listed`; `network` is the one that the setting names.
///
/// # Errors
/// [`Ambiguous`].
pub(super) fn read(
    listed: &[ContainerSummary],
    service: &ServiceRef,
    network: Option<&str>,
) -> Result<ServiceListing, Ambiguous> {
    let by_id = listed.iter().filter_map(|listed| Some((listed.id.as_deref()?, listed))).collect();
    let project = project(listed, service)?;
    let is_compose =
        |compose: Compose<'_>| Some(compose.project) == project && compose.service == service.service;
    let mut of_service: Vec<&ContainerSummary> = listed
        .iter()
        .filter(|listed| {
            Labels::of(listed).name(service) || Labels::of(listed).compose().is_some_and(is_compose)
        })
        .collect();
    // Nothing depends on the engine's order.
    of_service.sort_unstable_by_key(|listed| listed.id.as_deref());
    let mut read = ServiceListing::default();
    // A recreate puts a second container beside the first one, by the same number, before it stops that.
    let mut by_uuid: BTreeMap<Arc<str>, (Precedence, Container)> = BTreeMap::new();
    for listed in of_service {
        let (container, notes) = container(listed, network, &by_id);
        read.notes.extend(notes.into_iter().map(|note| (note, Arc::clone(&container.name))));
        read.udp.extend(udp_ports(listed));
        let precedence = (container.lifecycle() == Lifecycle::Running, listed.created);
        match by_uuid.get(&container.uuid) {
            Some((other, _)) if *other >= precedence => {}
            _ => drop(by_uuid.insert(Arc::clone(&container.uuid), (precedence, container))),
        }
    }
    read.containers = by_uuid.into_values().map(|(_, container)| Arc::new(container)).collect();
    read.containers.sort_by_key(|container| container.created);
    Ok(read)
}

/// Of two containers with one identity the greater one counts: one that runs, and else the newest.
type Precedence = (bool, Option<i64>);

/// The project whose service is meant.
fn project<'a>(
    listed: &'a [ContainerSummary],
    service: &'a ServiceRef,
) -> Result<Option<&'a str>, Ambiguous> {
    if let Some(stack) = &service.stack {
        return Ok(Some(stack));
    }
    let of_compose = listed.iter().filter_map(|listed| Labels::of(listed).compose());
    let projects: BTreeSet<&str> =
        of_compose.filter(|it| it.service == service.service).map(|it| it.project).collect();
    if projects.len() > 1 {
        let told = projects.into_iter().take(Ambiguous::MAX_TOLD).map(excerpt).collect();
        return Err(Ambiguous { service: service.service.clone(), projects: told });
    }
    Ok(projects.into_iter().next())
}

/// A listed container, and what is to be said about it.
fn container(
    listed: &ContainerSummary,
    network: Option<&str>,
    by_id: &HashMap<&str, &ContainerSummary>,
) -> (Container, Vec<Note>) {
    let labels = Labels::of(listed);
    let mut notes = Vec::new();
    let (mut address, note) = network::address(listed, network, by_id);
    notes.extend(note);
    let index = labels.number::<NonZeroU64>("stalls.index").unwrap_or_else(|text| {
        notes.push(Note::BadIndex(excerpt(text)));
        None
    });
    let port = labels.number::<NonZeroU16>("stalls.port").unwrap_or_else(|text| {
        notes.push(Note::BadPort(excerpt(text)));
        address = None;
        None
    });
    let id = beginning(listed.id.as_deref().unwrap_or_default());
    let (uuid, created) = match labels.compose() {
        // A recreate makes another container of the same number, and is to keep the port.
        Some(Compose { project, service, number: Some(number) }) => {
            (format!("{}/{}/{number}", beginning(project), beginning(service)).into(), number)
        }
        _ => (id.into(), listed.created.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0)),
    };
    let container = Container {
        uuid,
        name: beginning(name(listed).unwrap_or(id)).into(),
        index,
        created,
        state: listed.state.as_deref().and_then(vocabulary::state),
        address: address.map(|address| beginning(address).into()),
        port,
        named_ports: [].into(),
        health: vocabulary::health(listed),
    };
    (container, notes)
}

/// The container's own name: `/NAME`, and not one that it has for another by a link, `/OTHER/ALIAS`.
fn name(listed: &ContainerSummary) -> Option<&str> {
    let names = listed.names.iter().flatten().map(|name| name.strip_prefix('/').unwrap_or(name));
    names.filter(|name| !name.is_empty()).find(|name| !name.contains('/'))
}

/// Why a service has no container, with what would do.
pub(super) fn why_empty(service: &ServiceRef) -> String {
    let compose = match &service.stack {
        Some(stack) => format!("the service {:?} of the project {stack:?} of Compose", service.service),
        None => format!("a service {:?} of Compose", service.service),
    };
    format!(
        "no container has the labels of {compose}, or stalls.service={service}; check SERVICE_NAME and STACK_NAME, and \
         whether it is this engine that has them"
    )
}
