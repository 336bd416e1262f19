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

use std::{num::NonZeroU64, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{
    MetadataFault,
    entry::{Entry, containers},
    lenient::{Lenient, List, Scalar, Shape},
    vocabulary,
};
use crate::{
    domain::{Container, PublishedPorts},
    excerpt::excerpt,
};

/// The server's versions are UUIDs. The version is part of the next request, so its length has a limit, in bytes.
const MAX_VERSION_LENGTH: usize = 256;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceDocument<'a> {
    #[serde(borrow)]
    name: Scalar<'a>,
    #[serde(borrow)]
    uuid: Scalar<'a>,
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
}

impl Shape for ServiceDocument<'_> {
    const IS_LIST: bool = false;
}

impl Shape for ContainerDocument<'_> {
    const IS_LIST: bool = false;
}

/// The containers of the service document in `body`, which was asked for as `service` (a name or uuid) at
/// `path`; ordered by (`created`, `uuid`), each uuid once. Those that are as they were among the `known` ones,
/// of an earlier document, are shared with them.
///
/// # Errors
/// [`MetadataFault::NotJson`] and [`MetadataFault::WrongShape`].
pub(crate) fn parse_service(
    path: &str,
    service: &str,
    body: &[u8],
    known: &[Arc<Container>],
) -> Result<Vec<Arc<Container>>, MetadataFault> {
    let document = parse(path, body)?;
    let wrong = |reason: &str| MetadataFault::WrongShape { path: path.to_owned(), reason: reason.to_owned() };
    let service_read = excerpt(service).to_lowercase();
    let is_asked_for = |own: &Scalar<'_>| own.as_text().is_some_and(|own| own.to_lowercase() == service_read);
    if !is_asked_for(&document.name) && !is_asked_for(&document.uuid) {
        // The server also takes a number for a position in its list, and would then answer with any service.
        return Err(wrong(&format!("neither its name nor its uuid is {service:?}")));
    }
    let listed = match document.containers {
        Lenient::Null => Vec::new(), // at scale 0
        Lenient::Wanted(List(listed)) => listed,
        Lenient::Other => return Err(wrong("`containers` is not a list")),
    };
    let entries = listed.iter().map(|listed| match listed {
        Lenient::Wanted(container) => Ok(Entry::from(container)),
        Lenient::Null | Lenient::Other => Err(wrong("`containers` lists something else than objects")),
    });
    Ok(containers(entries.collect::<Result<_, _>>()?, known))
}

/// The container ports that the service document in `body` publishes over TCP.
///
/// # Errors
/// [`MetadataFault::NotJson`] and [`MetadataFault::WrongShape`].
pub(crate) fn parse_published_ports(path: &str, body: &[u8]) -> Result<PublishedPorts, MetadataFault> {
    let Lenient::Wanted(List(ports)) = parse(path, body)?.ports else {
        return Ok(PublishedPorts::default());
    };
    Ok(PublishedPorts(ports.iter().filter_map(Scalar::as_text).filter_map(container_ports).collect()))
}

/// The version in the answer to `/version`: an opaque JSON string.
pub(super) fn parse_version(path: &str, body: &[u8]) -> Result<String, MetadataFault> {
    match serde_json::from_slice(body).map_err(|error| not_read(path, &error))? {
        Value::String(version) if (1..=MAX_VERSION_LENGTH).contains(&version.len()) => Ok(version),
        _ => Err(MetadataFault::WrongShape { path: path.to_owned(), reason: "not a version string".into() }),
    }
}

fn parse<'de>(path: &str, body: &'de [u8]) -> Result<ServiceDocument<'de>, MetadataFault> {
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

/// The container's side of a published port: `5000`, `80:5000`, `10.0.0.1:80:5000`, each with an optional
/// `/tcp`; a side may be a range, `5000-5063`.
fn container_ports(published: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (ports, protocol) = published.split_once('/').unwrap_or((published, "tcp"));
    if protocol != "tcp" {
        return None;
    }
    let inner = ports.rsplit(':').next()?;
    let (first, last) = inner.split_once('-').unwrap_or((inner, inner));
    let ports = first.parse().ok()?..=last.parse().ok()?;
    (!ports.is_empty()).then_some(ports)
}
