//! From the server's documents to plain values.
//!
//! Every field of a container may be missing, null or of another type than documented; that concerns this
//! field alone. A document that is not a service's at all is a fault, since taking it for a service without
//! containers would empty the mapping.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, num::NonZeroU64, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{
    MetadataFault,
    entry::{Entry, containers},
    lenient::{Lenient, List, Scalar, Shape},
    published::{tcp_ports, udp_ports},
    vocabulary,
};
use crate::{
    domain::{Container, Lifecycle, PublishedPorts},
    excerpt::excerpt,
    metadata::{Listing, OwnPorts, PublishedUdp},
};

/// The server's versions are UUIDs. The version is part of the next request, so its length has a limit, in bytes.
const MAX_VERSION_LENGTH: usize = 256;

/// The kind of the services that have containers; others balance load, or stand for something outside.
const WITH_CONTAINERS: &str = "service";

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceDocument<'a> {
    #[serde(borrow)]
    name: Scalar<'a>,
    #[serde(borrow)]
    uuid: Scalar<'a>,
    #[serde(borrow)]
    stack_name: Scalar<'a>,
    #[serde(borrow)]
    kind: Scalar<'a>,
    #[serde(borrow)]
    containers: Lenient<List<Lenient<ContainerDocument<'a>>>>,
    #[serde(borrow)]
    ports: Lenient<List<Scalar<'a>>>,
}

/// The fields of a container that matter: a fifth of all. The parser skips the rest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerDocument<'a> {
    #[serde(borrow)]
    name: Scalar<'a>,
    #[serde(borrow)]
    uuid: Scalar<'a>,
    #[serde(borrow)]
    external_id: Scalar<'a>,
    #[serde(borrow)]
    service_index: Scalar<'a>,
    #[serde(borrow)]
    create_index: Scalar<'a>,
    #[serde(borrow)]
    state: Scalar<'a>,
    #[serde(borrow)]
    primary_ip: Scalar<'a>,
    #[serde(borrow)]
    health_state: Scalar<'a>,
    #[serde(borrow)]
    service_name: Scalar<'a>,
    #[serde(borrow)]
    service_uuid: Scalar<'a>,
    #[serde(borrow)]
    stack_name: Scalar<'a>,
    #[serde(borrow)]
    network_from_container_uuid: Scalar<'a>,
    #[serde(borrow)]
    ports: Lenient<List<Scalar<'a>>>,
}

impl Shape for ServiceDocument<'_> {
    const IS_LIST: bool = false;
}

impl Shape for ContainerDocument<'_> {
    const IS_LIST: bool = false;
}

/// A container without an address of its own, and the one in whose network it is: their uuids.
pub(super) type Guest = (String, String);

/// The containers of the service document in `body`, which was asked for as `service` (a name or uuid) at
/// `path`; ordered by (`created`, `uuid`), each uuid once. Those that are as they were among the `known` ones,
/// of an earlier document, are shared with them.
///
/// # Errors
/// [`MetadataFault::NotJson`] and [`MetadataFault::WrongShape`].
pub(super) fn read_service(
    path: &str,
    service: &str,
    body: &[u8],
    known: &[Arc<Container>],
) -> Result<(Listing, Vec<Guest>), MetadataFault> {
    let document: ServiceDocument<'_> = parse(path, body)?;
    let wrong = |reason: &str| MetadataFault::WrongShape { path: path.to_owned(), reason: reason.to_owned() };
    let service_read = excerpt(service).to_lowercase();
    let is_asked_for = |own: &Scalar<'_>| own.as_text().is_some_and(|own| own.to_lowercase() == service_read);
    if !is_asked_for(&document.name) && !is_asked_for(&document.uuid) {
        // The server also takes a number for a position in its list, and would then answer with any service.
        return Err(wrong(&format!("neither its name nor its uuid is {service:?}")));
    }
    let listed = match &document.containers {
        Lenient::Null => &[][..], // at scale 0
        Lenient::Wanted(List(listed)) => listed,
        Lenient::Other => return Err(wrong("`containers` is not a list")),
    };
    let (mut entries, mut guests, mut udp) = (Vec::new(), Vec::new(), udp(&document.ports));
    let mut other_services = BTreeSet::new();
    for listed in listed {
        let Lenient::Wanted(container) = listed else {
            return Err(wrong("`containers` lists something else than objects"));
        };
        let mut entry = Entry::from(container);
        if entry.index.is_some() && is_of_another_service(container, &document) {
            entry.index = None;
            other_services.extend(text(&container.service_name).map(str::to_owned));
        }
        let owner = text(&container.network_from_container_uuid);
        if let (None, false, Some(owner)) = (entry.address, entry.uuid.is_empty(), owner) {
            guests.push((entry.uuid.to_owned(), owner.to_owned()));
        }
        udp.extend(self::udp(&container.ports));
        entries.push(entry);
    }
    let why_empty = entries.is_empty().then(|| why_empty(&document)).flatten();
    let containers = containers(entries, known);
    let listing =
        Listing { containers, absence_is_proof: false, udp, other_services, why_empty, ..Listing::default() };
    Ok((listing, guests))
}

/// Why the service has no containers, if that follows from its kind. The text is a person's to read and may be anything.
fn why_empty(document: &ServiceDocument<'_>) -> Option<Arc<str>> {
    let kind = text(&document.kind).filter(|kind| *kind != WITH_CONTAINERS)?;
    let kind = excerpt(kind);
    Some(
        format!("it is a service of the kind {kind:?} and has no containers; name the service behind it")
            .into(),
    )
}

/// Whether a container is there only because its labels match the service's selector: its index counts within another
/// service. A sidekick has its parent's uuid.
fn is_of_another_service(container: &ContainerDocument<'_>, document: &ServiceDocument<'_>) -> bool {
    let differs = |its: &Scalar<'_>, documents: &Scalar<'_>| {
        text(its).zip(text(documents)).is_some_and(|(its, documents)| !its.eq_ignore_ascii_case(documents))
    };
    let has_other_name = differs(&container.service_name, &document.name)
        || differs(&container.stack_name, &document.stack_name);
    let has_its_uuid = text(&container.service_uuid).is_some_and(|uuid| text(&document.uuid) == Some(uuid));
    has_other_name && !has_its_uuid
}

/// [`read_service`], for the containers alone.
#[cfg(test)]
pub(crate) fn parse_service(
    path: &str,
    service: &str,
    body: &[u8],
    known: &[Arc<Container>],
) -> Result<Vec<Arc<Container>>, MetadataFault> {
    read_service(path, service, body, known).map(|(read, _)| read.containers)
}

/// What the service document in `body` publishes.
///
/// # Errors
/// [`MetadataFault::NotJson`] and [`MetadataFault::WrongShape`].
pub(super) fn parse_own_service(path: &str, body: &[u8]) -> Result<OwnPorts, MetadataFault> {
    let ServiceDocument { ports, .. } = parse(path, body)?;
    let tcp = PublishedPorts(texts(&ports).filter_map(tcp_ports).collect());
    Ok(OwnPorts { tcp, udp: udp(&ports) })
}

/// Which container the network of a container belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// It has this address.
    Own(String),
    /// It is in the network of the container with this uuid.
    Of(String),
    /// There is none, or none that can be reached.
    Missing,
}

/// The network of the container with this uuid, by the document in `body` that was asked for at `path`.
///
/// # Errors
/// [`MetadataFault::NotJson`] and [`MetadataFault::WrongShape`].
pub(super) fn parse_network(path: &str, uuid: &str, body: &[u8]) -> Result<Network, MetadataFault> {
    let container: ContainerDocument<'_> = parse(path, body)?;
    // The server also looks for names, and takes a number for a position in its list.
    let is_asked_for = text(&container.uuid) == Some(uuid);
    let lifecycle = text(&container.state).map_or(Lifecycle::Running, vocabulary::lifecycle);
    let has_network = matches!(lifecycle, Lifecycle::Running | Lifecycle::Starting);
    if !is_asked_for || !has_network {
        return Ok(Network::Missing);
    }
    let address = text(&container.primary_ip).map(|address| Network::Own(address.to_owned()));
    let owner = || text(&container.network_from_container_uuid).map(|owner| Network::Of(owner.to_owned()));
    Ok(address.or_else(owner).unwrap_or(Network::Missing))
}

/// The version in the answer to `/version`: an opaque JSON string.
pub(super) fn parse_version(path: &str, body: &[u8]) -> Result<String, MetadataFault> {
    match serde_json::from_slice(body).map_err(|error| not_read(path, &error))? {
        Value::String(version) if (1..=MAX_VERSION_LENGTH).contains(&version.len()) => Ok(version),
        _ => Err(MetadataFault::WrongShape { path: path.to_owned(), reason: "not a version string".into() }),
    }
}

fn parse<'de, T: Shape + Deserialize<'de>>(path: &str, body: &'de [u8]) -> Result<T, MetadataFault> {
    match serde_json::from_slice(body).map_err(|error| not_read(path, &error))? {
        Lenient::Wanted(document) => Ok(document),
        Lenient::Null | Lenient::Other => {
            Err(MetadataFault::WrongShape { path: path.to_owned(), reason: "not an object".into() })
        }
    }
}

fn not_read(path: &str, error: &serde_json::Error) -> MetadataFault {
    let (path, reason) = (path.to_owned(), excerpt(&error.to_string()));
    if error.is_data() {
        MetadataFault::WrongShape { path, reason }
    } else {
        MetadataFault::NotJson { path, reason }
    }
}

impl<'a> From<&'a ContainerDocument<'_>> for Entry<'a> {
    fn from(container: &'a ContainerDocument<'_>) -> Self {
        let name = text(&container.name);
        let identity = [&container.uuid, &container.external_id].into_iter().find_map(text).or(name);
        Self {
            created: container.create_index.as_count().unwrap_or(0),
            uuid: identity.unwrap_or_default(),
            name: name.unwrap_or_default(),
            index: service_index(&container.service_index),
            state: text(&container.state),
            address: text(&container.primary_ip),
            health: text(&container.health_state).map(vocabulary::health),
        }
    }
}

fn texts<'a>(list: &'a Lenient<List<Scalar<'_>>>) -> impl Iterator<Item = &'a str> {
    let listed = if let Lenient::Wanted(List(listed)) = list { listed.as_slice() } else { &[] };
    listed.iter().filter_map(Scalar::as_text)
}

/// The ports that are published over UDP. The others, which are nearly all, need not be parsed for that.
fn udp(published: &Lenient<List<Scalar<'_>>>) -> BTreeSet<PublishedUdp> {
    texts(published).filter(|published| published.ends_with("/udp")).filter_map(udp_ports).collect()
}

fn text<'a>(value: &'a Scalar<'_>) -> Option<&'a str> {
    value.as_text().filter(|text| !text.is_empty())
}

/// A string in most builds of the server, a number in some of December 2016.
fn service_index(value: &Scalar<'_>) -> Option<NonZeroU64> {
    let number = match value {
        Scalar::Text(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            // What does not fit is a number all the same, and far outside of any pool.
            digits.parse().unwrap_or(u64::MAX)
        }
        Scalar::Count(number) => *number,
        Scalar::Text(_) | Scalar::Other => 0,
    };
    NonZeroU64::new(number)
}
