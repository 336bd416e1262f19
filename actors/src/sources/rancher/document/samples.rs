//! What the real server answered (tests/lab/testdata/rancher-metadata).

use super::*;
use crate::domain::{Address, State};

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/lab/testdata/rancher-metadata/", $name, ".json"))
    };
}

/// (name, index, created, state, address) of each container.
type Row<'a> = (&'a str, u64, u64, &'a str, Option<&'a str>);

const WEB_1: Row<'_> = ("app-web-1", 1, 1, "running", Some("127.0.1.1"));
const WEB_2: Row<'_> = ("app-web-2", 2, 2, "running", Some("127.0.1.2"));
const WEB_3: Row<'_> = ("app-web-3", 3, 3, "running", Some("127.0.1.3"));

#[track_caller]
fn assert_web(body: &str, expected: &[Row<'_>]) {
    let containers = parse_service("/p", "web", body.as_bytes(), &[]).unwrap();
    let rows: Vec<_> = containers.iter().map(|container| row(container)).collect();
    assert_eq!(rows, expected);
    assert!(containers.iter().all(|container| container.uuid.len() == 36), "{containers:?}");
}

fn row(container: &Container) -> Row<'_> {
    let state = container.state.as_ref().map(State::as_str).unwrap_or_default();
    let address = container.address.as_ref().map(Address::as_str);
    (&container.name, container.index.unwrap().get(), container.created, state, address)
}

#[test]
fn a_service_of_three() {
    assert_web(sample!("2015-12-19--self_stack_services_web"), &[WEB_1, WEB_2, WEB_3]);
    assert_web(sample!("2016-07-29--self_stack_services_web"), &[WEB_1, WEB_2, WEB_3]);
}

#[test]
fn a_service_at_scale_0() {
    assert_web(sample!("2015-12-19--web--scale-0"), &[]);
    assert_web(sample!("2016-07-29--web--scale-0"), &[]);
}

#[test]
fn an_upgrade_with_two_containers_of_one_index() {
    let old = ("app-web-2", 2, 2, "stopped", Some("127.0.1.2"));
    let new = ("app-web-4", 2, 9, "running", Some("127.0.1.4"));
    assert_web(sample!("2015-12-19--web--upgrade-dup-index"), &[WEB_1, old, WEB_3, new]);
    assert_web(sample!("2016-07-29--web--upgrade-dup-index"), &[WEB_1, old, WEB_3, new]);
}

#[test]
fn a_container_without_an_address_yet() {
    let starting = ("app-web-4", 4, 4, "starting", None);
    assert_web(sample!("2015-12-19--web--null-primary-ip"), &[WEB_1, WEB_2, WEB_3, starting]);
    assert_web(sample!("2016-07-29--web--null-primary-ip"), &[WEB_1, WEB_2, WEB_3, starting]);
}

#[test]
fn health_makes_no_difference_yet() {
    assert_web(sample!("2015-12-19--web--health-states"), &[WEB_1, WEB_2, WEB_3]);
    assert_web(sample!("2016-07-29--web--health-states"), &[WEB_1, WEB_2, WEB_3]);
}

#[test]
fn stalls_own_service_and_the_version() {
    let own = sample!("2015-12-19--self_service");
    assert_eq!(parse_own_service("/p", own.as_bytes()), Ok(OwnPorts::default()));
    let version = parse_version("/version", sample!("2015-12-19--version").as_bytes());
    assert_eq!(version, Ok("3889486d-da78-4b64-945a-a5e1e794fb48".into()));
}

#[test]
fn what_is_no_service_is_a_fault() {
    let others = [
        sample!("2015-12-19--404"),
        sample!("2015-12-19--self_service"),
        sample!("2015-12-19--self_stack"),
        sample!("2015-12-19--self"),
        sample!("2015-12-19--services"),
        sample!("2015-12-19--version"),
        sample!("root"),
        // Its containers are names.
        sample!("2015-07-25--self_stack"),
    ];
    for other in others {
        let fault = parse_service("/p", "web", other.as_bytes(), &[]).unwrap_err();
        assert_eq!(fault.kind(), "wrong_shape", "{other}");
    }
}
