//! What becomes of an engine's list.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{Address, Health, State};

const REAL: &str = include_str!("../../../../../tests/samples/docker/20.10.24-list.json");
const PODMAN: &str = include_str!("../../../../../tests/samples/docker/podman-4.3.1-list.json");
/// Made by hand after the reference of version 1.52: no engine of that age was at hand.
const MADE: &str = include_str!("../../../../../tests/samples/docker/made-1.52-list.json");

fn service(name: &str) -> ServiceRef {
    let (stack, service) =
        name.split_once('/').map_or((None, name), |(stack, name)| (Some(stack.into()), name));
    ServiceRef { stack, service: service.into() }
}

fn summaries(list: &Value) -> Vec<ContainerSummary> {
    serde_json::from_value(list.clone()).unwrap()
}

fn sample(text: &str) -> Vec<ContainerSummary> {
    serde_json::from_str(text).unwrap()
}

/// A container of Compose as an engine lists it.
fn of_compose(project: &str, number: u64, state: &str, created: i64) -> Value {
    json!({
        "Id": format!("{project}{number}{created}"),
        "Names": [format!("/{project}-web-{number}")],
        "Created": created,
        "State": state,
        "Labels": {
            "com.docker.compose.project": project,
            "com.docker.compose.service": "web",
            "com.docker.compose.container-number": number.to_string(),
        },
        "NetworkSettings": {"Networks": {format!("{project}_default"): {"IPAddress": format!("10.0.0.{number}")}}},
    })
}

fn with(mut listed: Value, part: &str, value: Value) -> Value {
    listed[part] = value;
    listed
}

fn with_label(mut listed: Value, label: &str, value: &str) -> Value {
    listed["Labels"][label] = value.into();
    listed
}

fn in_networks(listed: Value, networks: &[(&str, &str)]) -> Value {
    let networks: serde_json::Map<_, _> =
        networks.iter().map(|(name, address)| ((*name).to_owned(), json!({"IPAddress": address}))).collect();
    with(listed, "NetworkSettings", json!({"Networks": networks}))
}

fn read_one(listed: Value, network: Option<&str>) -> (Container, Vec<Note>) {
    let read = read(&summaries(&json!([listed])), &service("app/web"), network).unwrap();
    (Container::clone(&read.containers[0]), read.notes.into_keys().collect())
}

fn address(container: &Container) -> Option<&str> {
    container.address.as_ref().map(Address::as_str)
}

fn uuids(read: &ServiceListing) -> Vec<&str> {
    read.containers.iter().map(|container| &*container.uuid).collect()
}

#[test]
fn a_service_of_compose_is_read_from_a_real_list() {
    let read = read(&sample(REAL), &service("sampleapp/web"), None).unwrap();
    assert_eq!(uuids(&read), ["sampleapp/web/1", "sampleapp/web/2", "sampleapp/web/3"]);
    let words = |it: &Arc<Container>| {
        (it.name.to_string(), it.state.as_ref().map(State::to_string), address(it).is_some(), it.health)
    };
    let named = |name: &str, state: &str, health| (name.into(), Some(state.to_owned()), true, health);
    assert_eq!(
        read.containers.iter().map(words).collect::<Vec<_>>(),
        [
            named("sampleapp_web_1", "running", Some(Health::Healthy)),
            named("sampleapp_web_2", "running", Some(Health::Healthy)),
            named("sampleapp_web_3", "paused", None),
        ]
    );
    assert!(read.notes.is_empty());
}

#[test]
fn a_service_needs_no_stack_if_one_project_has_it() {
    let list = sample(REAL);
    assert_eq!(read(&list, &service("web"), None), read(&list, &service("sampleapp/web"), None));
    let both = summaries(&json!([of_compose("app", 1, "running", 1), of_compose("old", 1, "exited", 1)]));
    let ambiguous = read(&both, &service("web"), None).unwrap_err();
    assert!(ambiguous.to_string().starts_with(r#"the projects ["app", "old"] of Compose"#), "{ambiguous}");
    assert_eq!(uuids(&read(&both, &service("old/web"), None).unwrap()), ["old/web/1"]);
}

#[test]
fn a_label_makes_a_service_of_plain_containers() {
    let list = sample(REAL);
    let games = read(&list, &service("games"), None).unwrap();
    assert_eq!(games.containers[0].index.map(NonZeroU64::get), Some(2));
    let six = read(&list, &service("six"), None).unwrap();
    assert_eq!(six.containers[0].port.map(NonZeroU16::get), Some(9000));
    assert!(six.containers[0].uuid.starts_with("d3ad2c9f75cf"), "a plain container goes by its id");
    let stacked = with_label(of_compose("app", 1, "running", 1), "stalls.service", "arena/games");
    assert_eq!(
        read(&summaries(&json!([stacked])), &service("arena/games"), None).unwrap().containers.len(),
        1
    );
}

#[test]
fn a_recreated_container_is_the_same_one_and_the_one_that_runs_counts() {
    let list = |states: &[(&str, i64)]| {
        let listed: Vec<_> =
            states.iter().map(|(state, created)| of_compose("app", 1, state, *created)).collect();
        let read = read(&summaries(&json!(listed)), &service("app/web"), None).unwrap();
        assert_eq!(uuids(&read), ["app/web/1"]);
        read.containers[0].state.as_ref().unwrap().to_string()
    };
    assert_eq!(list(&[("running", 1), ("created", 2)]), "running");
    assert_eq!(list(&[("created", 2), ("running", 1)]), "running");
    assert_eq!(list(&[("exited", 1), ("created", 2)]), "created");
    assert_eq!(list(&[("exited", 1), ("running", 2)]), "running");
}

#[test]
fn the_number_orders_the_replicas_of_compose() {
    let listed: Vec<_> = [10, 2, 9].iter().map(|number| of_compose("app", *number, "running", 7)).collect();
    let read = read(&summaries(&json!(listed)), &service("web"), None).unwrap();
    assert_eq!(uuids(&read), ["app/web/2", "app/web/9", "app/web/10"]);
    assert!(read.containers.iter().all(|container| container.index.is_none()), "a number is no index");
}

#[test]
fn a_run_of_ones_own_is_no_replica() {
    for (oneoff, replicas) in [("True", 0), ("true", 0), ("False", 1)] {
        let listed = with_label(of_compose("app", 1, "running", 1), "com.docker.compose.oneoff", oneoff);
        let read = read(&summaries(&json!([listed])), &service("app/web"), None).unwrap();
        assert_eq!(read.containers.len(), replicas, "{oneoff}");
    }
}

#[test]
fn the_network_is_the_named_one_or_the_only_one_or_the_projects() {
    let web = || of_compose("app", 1, "running", 1);
    let many =
        || in_networks(web(), &[("aaa", "10.1.0.1"), ("app_back", "10.2.0.1"), ("app_default", "10.3.0.1")]);
    let (container, notes) = read_one(web(), None);
    assert_eq!((address(&container), notes), (Some("10.0.0.1"), vec![]));
    let (container, notes) = read_one(many(), None);
    assert_eq!(
        (address(&container), notes),
        (Some("10.3.0.1"), vec![Note::GuessedNetwork("app_default".into())])
    );
    let first = in_networks(web(), &[("bbb", "10.1.0.2"), ("aaa", "10.1.0.1"), ("off", "")]);
    let (container, notes) = read_one(first, None);
    assert_eq!((address(&container), notes), (Some("10.1.0.1"), vec![Note::GuessedNetwork("aaa".into())]));
    for named in ["aaa", "back", "app_back"] {
        let (container, notes) = read_one(many(), Some(named));
        let wanted = if named == "aaa" { "10.1.0.1" } else { "10.2.0.1" };
        assert_eq!((address(&container), notes), (Some(wanted), vec![]), "{named}");
    }
    let (container, notes) = read_one(with_label(many(), "stalls.network", "aaa"), Some("back"));
    assert_eq!((address(&container), notes), (Some("10.1.0.1"), vec![]));
    let (container, notes) = read_one(many(), Some("elsewhere"));
    assert_eq!((address(&container), notes), (None, vec![Note::NotInNetwork("elsewhere".into())]));
}

#[test]
fn an_address_is_also_that_of_ipv6_or_of_the_networks_owner() {
    let web = || of_compose("app", 1, "running", 1);
    let six = json!({"Networks": {"six": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}}});
    assert_eq!(address(&read_one(with(web(), "NetworkSettings", six), None).0), Some("fd00::2"));
    let on_host = json!({"Networks": {"host": {"IPAddress": ""}}});
    let on_host = with(web(), "NetworkSettings", on_host);
    let (container, notes) = read_one(with(on_host, "HostConfig", json!({"NetworkMode": "host"})), None);
    assert_eq!((address(&container), notes), (None, vec![Note::NoNetwork("host".into())]));
    let owner = of_compose("vpn", 7, "running", 1);
    let mode = json!({"NetworkMode": format!("container:{}", owner["Id"].as_str().unwrap())});
    let guest = with(with(web(), "HostConfig", mode), "NetworkSettings", json!({"Networks": {}}));
    let read = read(&summaries(&json!([guest, owner])), &service("app/web"), None).unwrap();
    assert_eq!(address(&read.containers[0]), Some("10.0.0.7"));
}

#[test]
fn a_label_that_is_no_number_is_told_of() {
    let web = || of_compose("app", 1, "running", 1);
    let (container, notes) = read_one(with_label(web(), "stalls.index", "0"), None);
    assert_eq!((container.index, notes), (None, vec![Note::BadIndex("0".into())]));
    let (container, notes) = read_one(with_label(web(), "stalls.port", "http"), None);
    assert_eq!((address(&container), notes), (None, vec![Note::BadPort("http".into())]));
}

#[test]
fn a_newer_engine_says_health_in_a_field() {
    let read = read(&sample(MADE), &service("shop/web"), None).unwrap();
    let health: Vec<_> = read.containers.iter().map(|container| container.health).collect();
    assert_eq!(health, [Some(Health::Healthy), Some(Health::NotHealthy), None]);
    assert_eq!(read.udp.iter().map(|udp| &*udp.text).collect::<Vec<_>>(), ["5001:9999/udp"]);
}

#[test]
fn podman_and_its_compose_are_read_like_docker() {
    let read = read(&sample(PODMAN), &service("papp/web"), None).unwrap();
    assert_eq!(uuids(&read), ["papp/web/1"]);
    assert_eq!((&*read.containers[0].name, address(&read.containers[0])), ("papp_web_1", Some("10.89.1.2")));
    assert!(read.notes.is_empty());
}

#[test]
fn an_empty_service_says_what_would_do() {
    assert!(why_empty(&service("web")).contains("stalls.service=web"));
    assert!(why_empty(&service("app/web")).contains(r#"the project "app""#));
}

/// JSON of any shape, with the names that the engine uses more often than not.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("running".to_owned()),
        Just("app".to_owned()),
        Just("web".to_owned()),
        Just("1".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("Id"),
        Just("Names"),
        Just("State"),
        Just("Labels"),
        Just("Created"),
        Just("NetworkSettings"),
        Just("Networks"),
        Just("IPAddress"),
        Just("com.docker.compose.project"),
        Just("com.docker.compose.service"),
        Just("com.docker.compose.container-number"),
        Just("stalls.index"),
        Just("HostConfig"),
        Just("NetworkMode"),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_list_is_too_odd_to_be_read(list in prop::collection::vec(any_json(), 0..4)) {
        if let Ok(listed) = serde_json::from_value::<Vec<ContainerSummary>>(list.into()) {
            for name in ["web", "app/web"] {
                let read = read(&listed, &service(name), None);
                prop_assert!(read.map_or(true, |read| read.containers.len() <= listed.len()));
            }
        }
    }

    #[test]
    fn the_order_of_the_list_has_no_influence(
        containers in prop::collection::vec((1..4_u64, 0..3_usize, 0..3_i64), 0..8), seed in any::<u64>(),
    ) {
        let states = ["running", "created", "exited"];
        let mut listed: Vec<_> = containers
            .into_iter()
            .enumerate()
            .map(|(id, (number, state, created))| {
                with(of_compose("app", number, states[state], created), "Id", format!("{id}").into())
            })
            .collect();
        let before = read(&summaries(&json!(listed)), &service("web"), None).unwrap();
        fastrand::Rng::with_seed(seed).shuffle(&mut listed);
        let after = read(&summaries(&json!(listed)), &service("web"), None).unwrap();
        prop_assert_eq!(after, before);
    }
}
