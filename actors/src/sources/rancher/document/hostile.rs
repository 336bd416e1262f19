//! Whatever a server sends: it is read or refused, and what comes of it is no larger than what was sent.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;
use crate::{
    domain::{Address, State},
    testing::mangled::{any_json, mangled_json, nested},
};

const KEYS: &[&str] = &[
    "name",
    "uuid",
    "external_id",
    "service_index",
    "create_index",
    "state",
    "primary_ip",
    "containers",
    "ports",
];

/// The most characters that a fault says beside the path.
const MAX_FAULT_LENGTH: usize = 400;

fn document() -> Value {
    let container = |number: u32| {
        json!({
            "name": format!("app-web-{number}"), "uuid": format!("u{number}"), "external_id": "e", "labels": {},
            "service_index": number.to_string(), "create_index": number, "state": "running", "primary_ip": "10.0.0.1",
        })
    };
    json!({
        "name": "web", "uuid": "s", "ports": ["80:5000/tcp", "9-10:5004-5005"], "token": "t",
        "containers": [container(1), container(2), container(3)],
    })
}

/// Bytes, JSON of any kind, a container of any kind in a service that is right, and a service that is not quite.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let in_service =
        |containers: String| format!(r#"{{"name":"web","containers":{containers}}}"#).into_bytes();
    prop_oneof![
        1 => vec(any::<u8>(), 0..100),
        2 => any_json(KEYS).prop_map(String::into_bytes),
        3 => any_json(KEYS).prop_map(in_service),
        3 => any_json(KEYS).prop_map(move |container| in_service(format!("[{container},{{}}]"))),
        5 => mangled_json(document(), KEYS),
    ]
}

fn texts(container: &Container) -> impl Iterator<Item = &str> {
    let options =
        [container.state.as_ref().map(State::as_str), container.address.as_ref().map(Address::as_str)];
    [&*container.uuid, &*container.name].into_iter().chain(options.into_iter().flatten())
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused_and_never_grows(body in body()) {
        match parse_service("/p", "web", &body, &[]) {
            Ok(containers) => {
                // The shortest container is `{}`, and a name may stand for the uuid too.
                prop_assert!(containers.len() <= body.len() / 2);
                prop_assert!(containers.iter().flat_map(|container| texts(container)).map(str::len).sum::<usize>() <= 2 * body.len());
                prop_assert!(containers.iter().flat_map(|container| texts(container)).all(|text| text.chars().count() <= 256));
                let uuids: Vec<_> = containers.iter().map(|c| &c.uuid).filter(|uuid| !uuid.is_empty()).collect();
                prop_assert_eq!(uuids.iter().collect::<BTreeSet<_>>().len(), uuids.len());
            }
            Err(fault) => prop_assert!(fault.to_string().chars().count() <= MAX_FAULT_LENGTH, "{}", fault),
        }
        if let Err(fault) = parse_own_service("/p", &body) {
            prop_assert!(fault.to_string().chars().count() <= MAX_FAULT_LENGTH, "{}", fault);
        }
        if let Err(fault) = parse_network("/p", "u", &body) {
            prop_assert!(fault.to_string().chars().count() <= MAX_FAULT_LENGTH, "{}", fault);
        }
        match parse_version("/p", &body) {
            Ok(version) => prop_assert!((1..=MAX_VERSION_LENGTH).contains(&version.len())),
            Err(fault) => prop_assert!(fault.to_string().chars().count() <= MAX_FAULT_LENGTH, "{}", fault),
        }
    }
}

fn service(rest: &str) -> Result<Vec<Arc<Container>>, MetadataFault> {
    parse_service("/p", "web", format!(r#"{{"name":"web",{rest}}}"#).as_bytes(), &[])
}

#[test]
fn deep_nesting_is_passed_over_or_said_to_be_too_deep() {
    let deep = nested(1_000_000);
    assert_eq!(service(&format!(r#""x":{deep},"containers":null"#)), Ok(vec![]));
    let named = service(&format!(r#""containers":[{{"uuid":"a","name":{deep},"y":{deep}}}]"#)).unwrap();
    assert_eq!((&*named[0].uuid, &*named[0].name), ("a", ""));
    assert_eq!(service(&format!(r#""containers":{deep}"#)).unwrap_err().kind(), "wrong_shape");
    assert_eq!(parse_own_service("/p", deep.as_bytes()).unwrap_err().kind(), "wrong_shape");
    let fault = parse_version("/p", deep.as_bytes()).unwrap_err();
    assert!(fault.to_string().contains("recursion limit exceeded"), "{fault}");
}

#[test]
fn a_document_cut_anywhere_is_a_fault() {
    let whole = document().to_string();
    for end in 0..whole.len() {
        assert_eq!(
            parse_service("/p", "web", &whole.as_bytes()[..end], &[]).unwrap_err().kind(),
            "not_json",
            "{end}"
        );
    }
}

#[test]
fn a_key_given_twice_and_more_containers_than_there_could_be_are_faults() {
    for rest in [
        r#""containers":[{"uuid":"a","uuid":"b"}]"#.to_owned(),
        r#""containers":[],"containers":null"#.to_owned(),
        format!(r#""containers":[{}{{}}]"#, "{},".repeat(1 << 17)),
    ] {
        assert_eq!(service(&rest).unwrap_err().kind(), "wrong_shape");
    }
    assert_eq!(service(&format!(r#""containers":[{}{{}}]"#, "{},".repeat(100_000))).unwrap().len(), 100_001);
}

#[test]
fn bytes_that_are_no_utf8_are_no_json() {
    let mut body = document().to_string().into_bytes();
    let at = body.windows(3).position(|bytes| bytes == b"app").unwrap();
    body[at] = 0xff;
    assert_eq!(parse_service("/p", "web", &body, &[]).unwrap_err().kind(), "not_json");
}

/// Each range on its own would be a second's work for every ten thousand of them.
#[test]
fn a_hundred_thousand_ranges_of_all_ports_are_no_more_than_one() {
    let ranges = vec![r#""1-65535:1-65535""#; 100_000].join(",");
    let own = parse_own_service("/p", format!(r#"{{"ports":[{ranges}]}}"#).as_bytes()).unwrap();
    assert_eq!(own.tcp.0, [1..=65_535].into());
    let overlapping = r#"{"ports":["7-9","3-5","1-4","9","20-10","65535","65535"]}"#;
    let own = parse_own_service("/p", overlapping.as_bytes()).unwrap();
    assert_eq!(own.tcp.0, [1..=5, 7..=9, 65_535..=65_535].into());
}

#[test]
fn a_version_that_no_request_could_carry_is_none() {
    let version = |length: usize| parse_version("/version", format!("\"{}\"", "v".repeat(length)).as_bytes());
    assert_eq!(version(256).unwrap().len(), 256);
    assert_eq!(version(257).unwrap_err().kind(), "wrong_shape");
}
