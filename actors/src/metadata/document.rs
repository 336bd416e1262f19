//! From the server's documents to plain values.
//!
//! Every field of a container may be missing, null or of another type than documented; that concerns this
//! field alone. A document that is not a service's at all is a fault, since taking it for a service without
//! containers would empty the mapping.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod samples;

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

/// The server's versions are UUIDs. One of any length would be part of the next request.
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

/// The fields of a container that matter: a fifth of all. The rest is passed over while it is read.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::Health;

    fn service(containers: Value) -> Result<Vec<Arc<Container>>, MetadataFault> {
        let document = json!({"name": "web", "containers": containers}).to_string();
        parse_service("/p", "web", document.as_bytes(), &[])
    }

    fn index_of(index: Value) -> Option<u64> {
        let container = service(json!([{"uuid": "a", "service_index": index}])).unwrap().remove(0);
        container.index.map(NonZeroU64::get)
    }

    #[test]
    fn an_index_may_be_a_string_or_a_number() {
        assert_eq!(index_of(json!("3")), Some(3));
        assert_eq!(index_of(json!(3)), Some(3));
        assert_eq!(index_of(json!(70000)), Some(70000));
        assert_eq!(index_of(json!("99999999999999999999999")), Some(u64::MAX));
    }

    #[test]
    fn what_does_not_count_from_one_is_no_index() {
        for odd in
            [json!(0), json!("0"), json!(-3), json!("-3"), json!("x"), json!(""), json!(null), json!(1.5)]
        {
            assert_eq!(index_of(odd.clone()), None, "{odd}");
        }
    }

    #[test]
    fn a_service_at_scale_0_has_null_for_its_containers() {
        assert_eq!(service(json!(null)), Ok(vec![]));
    }

    #[test]
    fn a_document_that_is_not_the_services_is_a_fault_and_not_an_empty_service() {
        for body in [
            "{}",
            r#"{"name":"db","containers":[]}"#,
            r#"{"name":"web","containers":7}"#,
            r#"{"name":"web","containers":["app-web-1"]}"#,
            r#"{"code":404,"message":"Not found","type":"error"}"#,
            "[]",
            "7",
        ] {
            let fault = parse_service("/p", "web", body.as_bytes(), &[]).unwrap_err();
            assert_eq!(fault.kind(), "wrong_shape", "{body}");
        }
        assert_eq!(parse_service("/p", "web", b"<html>", &[]).unwrap_err().kind(), "not_json");
    }

    #[test]
    fn a_service_may_be_asked_for_by_its_uuid_and_in_any_case() {
        let body = br#"{"name":"web","uuid":"d8635a59","containers":[]}"#;
        assert!(parse_service("/p", "d8635a59", body, &[]).is_ok());
        assert!(parse_service("/p", "Web", body, &[]).is_ok());
    }

    #[test]
    fn a_field_of_another_type_concerns_that_field_alone() {
        let odd = json!([{"uuid": "a", "name": 7, "primary_ip": [], "state": {}, "create_index": "x"}]);
        let expected = Container {
            uuid: "a".into(),
            name: "".into(),
            index: None,
            created: 0,
            state: None,
            address: None,
            health: None,
        };
        assert_eq!(service(odd), Ok(vec![Arc::new(expected)]));
    }

    #[test]
    fn a_health_check_says_that_a_container_is_well_or_it_is_not() {
        let health =
            |health: Value| service(json!([{"uuid": "a", "health_state": health}])).unwrap().remove(0).health;
        for healthy in ["healthy", "updating-healthy"] {
            assert_eq!(health(json!(healthy)), Some(Health::Healthy));
        }
        for other in ["initializing", "reinitializing", "unhealthy", "updating-unhealthy"] {
            assert_eq!(health(json!(other)), Some(Health::NotHealthy));
        }
        assert_eq!([json!(null), json!(""), json!(7)].map(health), [None; 3], "it has none");
    }

    #[test]
    fn a_uuid_listed_twice_counts_once_as_its_newest_entry() {
        let old = json!({"uuid": "a", "create_index": 1, "primary_ip": "10.0.0.1"});
        let new = json!({"uuid": "a", "create_index": 2, "primary_ip": "10.0.0.2"});
        let containers = service(json!([new, old])).unwrap();
        assert_eq!(containers.len(), 1);
        assert_eq!(containers[0].address, Some("10.0.0.2".into()));
    }

    #[test]
    fn published_ports_are_those_of_the_container() {
        let body = json!({"ports": ["5000:5000/tcp", "81:5001", "10.0.0.1:82:5002/tcp", "5003", "9-10:5004-5005", "53:53/udp", "x", "9-5"]});
        let ports = parse_published_ports("/p", body.to_string().as_bytes()).unwrap();
        assert_eq!(ports.0, [5000..=5005].into_iter().collect());
        assert_eq!(parse_published_ports("/p", br#"{"ports":null}"#).unwrap(), PublishedPorts::default());
    }

    #[test]
    fn a_version_is_a_string() {
        assert_eq!(parse_version("/version", br#""abc""#), Ok("abc".into()));
        assert_eq!(parse_version("/version", b"7").unwrap_err().kind(), "wrong_shape");
    }

    fn container_json() -> impl Strategy<Value = Value> {
        (0..4_u8, 0..3_u64, 0..3_u8).prop_map(|(uuid, create_index, ip)| {
            json!({"uuid": format!("u{uuid}"), "create_index": create_index, "primary_ip": format!("10.0.0.{ip}")})
        })
    }

    proptest! {
        #[test]
        fn the_order_in_the_document_has_no_influence(
            containers in proptest::collection::vec(container_json(), 0..8), seed: u64,
        ) {
            let mut shuffled = containers.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            prop_assert_eq!(service(json!(containers)), service(json!(shuffled)));
        }
    }
}
