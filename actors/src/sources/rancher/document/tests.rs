//! Documents by hand, for what the samples do not show.

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
    for odd in [json!(0), json!("0"), json!(-3), json!("-3"), json!("x"), json!(""), json!(null), json!(1.5)]
    {
        assert_eq!(index_of(odd.clone()), None, "{odd}");
    }
}

#[test]
fn an_index_counts_within_one_service() {
    let with = |name: &str, stack: &str, uuid: &str| json!({"uuid": "a", "service_index": "1", "service_name": name, "stack_name": stack, "service_uuid": uuid});
    let index = |container: Value| {
        let document = json!({"name": "web", "stack_name": "app", "uuid": "w", "containers": [container]});
        let (read, _) = read_service("/p", "web", document.to_string().as_bytes(), &[]).unwrap();
        (read.containers[0].index.is_some(), read.other_services.into_iter().collect::<Vec<_>>())
    };
    for own in
        [with("web", "app", "w"), with("WEB", "App", "w"), with("", "", ""), with("sidekick", "app", "w")]
    {
        assert_eq!(index(own.clone()), (true, vec![]), "{own}");
    }
    for other in [with("chess", "app", "c"), with("chess", "", ""), with("chess", "games", "c")] {
        assert_eq!(index(other.clone()), (false, vec!["chess".to_owned()]), "{other}");
    }
    assert_eq!(index(with("web", "games", "x")), (false, vec!["web".to_owned()]));
    assert_eq!(index(json!({"uuid": "a", "service_index": 1})), (true, vec![]));
}

#[test]
fn a_service_of_another_kind_says_why_it_has_no_containers() {
    let why = |kind: &str| {
        let document = json!({"name": "web", "kind": kind, "containers": null}).to_string();
        read_service("/p", "web", document.as_bytes(), &[]).unwrap().0.why_empty
    };
    assert_eq!((why("service"), why("")), (None, None));
    for kind in ["externalService", "loadBalancerService", "dnsService", "<b>\n"] {
        assert!(why(kind).unwrap().contains(&format!("{kind:?}")), "{kind}");
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
        port: None,
        named_ports: [].into(),
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
    let own = parse_own_service("/p", body.to_string().as_bytes()).unwrap();
    assert_eq!(own.tcp.0, [5000..=5005].into_iter().collect());
    assert_eq!(texts_of(&own.udp), ["53:53/udp"]);
    assert_eq!(parse_own_service("/p", br#"{"ports":null}"#), Ok(OwnPorts::default()));
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

#[test]
fn what_is_published_over_udp_is_that_of_the_service_and_of_its_containers() {
    let containers =
        json!([{"uuid": "a", "ports": ["0.0.0.0:7:8080/udp", "1:1/tcp"]}, {"uuid": "b", "ports": null}]);
    let body = json!({"name": "web", "ports": ["5000:5000/udp", 7], "containers": containers}).to_string();
    let (read, _) = read_service("/p", "web", body.as_bytes(), &[]).unwrap();
    assert_eq!(texts_of(&read.udp), ["0.0.0.0:7:8080/udp", "5000:5000/udp"]);
}

#[test]
fn a_guest_is_in_the_network_of_another_and_has_no_address_of_its_own() {
    let containers = json!([
        {"uuid": "a", "primary_ip": "", "network_from_container_uuid": "p"},
        {"uuid": "b", "primary_ip": null, "network_from_container_uuid": "q"},
        {"uuid": "c", "primary_ip": "10.0.0.3", "network_from_container_uuid": "r"},
        {"uuid": "d", "network_from_container_uuid": ""},
        {"uuid": "", "network_from_container_uuid": "s"},
    ]);
    let body = json!({"name": "web", "containers": containers}).to_string();
    let (_, guests) = read_service("/p", "web", body.as_bytes(), &[]).unwrap();
    assert_eq!(guests, [("a", "p"), ("b", "q")].map(|(guest, owner)| (guest.to_owned(), owner.to_owned())));
}

#[test]
fn a_network_is_that_of_the_container_that_was_asked_for_while_it_runs() {
    let network = |container: Value| parse_network("/p", "p", container.to_string().as_bytes()).unwrap();
    let own = Network::Own("10.0.0.1".into());
    assert_eq!(network(json!({"uuid": "p", "primary_ip": "10.0.0.1"})), own);
    for (state, is_there) in [
        ("running", true),
        ("starting", true),
        ("updating-running", true),
        ("stopping", false),
        ("stopped", false),
    ] {
        let found = network(json!({"uuid": "p", "state": state, "primary_ip": "10.0.0.1"}));
        assert_eq!(found == own, is_there, "{state}");
    }
    let of = json!({"uuid": "p", "primary_ip": null, "network_from_container_uuid": "q"});
    assert_eq!(network(of), Network::Of("q".into()));
    for other in
        [json!({"uuid": "p"}), json!({"uuid": "other", "name": "p", "primary_ip": "10.0.0.1"}), json!({})]
    {
        assert_eq!(network(other), Network::Missing);
    }
}

fn texts_of(udp: &BTreeSet<PublishedUdp>) -> Vec<&str> {
    udp.iter().map(|published| &*published.text).collect()
}
