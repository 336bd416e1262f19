//! Containers that are in another's network.

use super::*;

/// A service with one container, which has no address and is in the network of `owner`.
fn guest_of(owner: &str) -> Value {
    let guest =
        json!({"uuid": "guest", "state": "running", "primary_ip": "", "network_from_container_uuid": owner});
    json!({"name": "web", "containers": [guest]})
}

fn owner(uuid: &str, state: &str, address: Option<&str>, network_from: Option<&str>) -> Value {
    json!({"uuid": uuid, "state": state, "primary_ip": address, "network_from_container_uuid": network_from})
}

/// The guest's address as it is told with each change.
fn addresses(web: &Running) -> Vec<Option<String>> {
    let address = |change: &ServiceChanged| {
        change.snapshot.containers[0].address.as_ref().map(|address| address.as_str().to_owned())
    };
    web.changes.all().iter().map(address).collect()
}

#[actix_rt::test]
async fn a_guest_has_the_address_of_the_network_that_it_is_in_and_follows_it_in_the_same_round() {
    let at = |address| owner("p", "running", Some(address), None);
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2"), (1_000, "v3"), (1_000, "v4")])
        .document(WEB, [guest_of("p")])
        .document(
            "/containers/p",
            [
                at("10.42.0.1"),
                at("10.42.0.2"),
                owner("p", "stopped", Some("10.42.0.2"), None),
                at("10.42.0.3"),
            ],
        );
    let web = Running::web(&server);
    pass(ms(10_000)).await;
    let told =
        ["10.42.0.1", "10.42.0.2", "", "10.42.0.3"].map(|a| Some(a.to_owned()).filter(|a| !a.is_empty()));
    assert_eq!(addresses(&web), told);
    assert_about(&web.changes.times(web.start), &[0, 1_000, 2_000, 3_000]);
    assert_eq!(server.fetched(), [WEB, "/containers/p"].repeat(4));
    assert_eq!(web.log.troubles(), [] as [&str; 0]);
}

#[actix_rt::test]
async fn a_network_may_be_the_network_of_a_third_but_not_of_itself() {
    for (third, address) in [
        (owner("q", "running", Some("10.42.0.9"), None), Some("10.42.0.9")),
        (owner("q", "running", None, Some("p")), None),
        (owner("q", "running", None, Some("q")), None),
        (owner("q", "running", None, Some("/../x")), None),
        (owner("q", "running", None, None), None),
    ] {
        let server = FakeServer::default()
            .versions(&[(0, "v1")])
            .document(WEB, [guest_of("p")])
            .document("/containers/p", [owner("p", "running", None, Some("q"))])
            .document("/containers/q", [third.clone()]);
        let web = Running::web(&server);
        pass(ms(1_000)).await;
        assert_eq!(addresses(&web), [address.map(str::to_owned)], "{third}");
        tokio::time::resume();
    }
}

#[actix_rt::test]
async fn an_owner_that_is_not_there_gives_no_address_and_is_no_fault() {
    let server = FakeServer::default().versions(&[(0, "v1")]).document(WEB, [guest_of("p")]);
    let web = Running::web(&server);
    pass(ms(1_000)).await;
    assert_eq!((addresses(&web), web.log.troubles()), (vec![None], vec![]));
}

#[actix_rt::test]
async fn a_fault_of_an_owners_document_is_a_fault_of_the_round() {
    for fault in [
        MetadataFault::Status { path: "/containers/p".into(), status: 500 },
        not_found("/containers/p", "Invalid version"),
    ] {
        let at = |address| owner("p", "running", Some(address), None);
        let server = FakeServer::default()
            .versions(&[(0, "v1"), (1_000, "v2"), (0, "v2")])
            .document(WEB, [guest_of("p")])
            .document("/containers/p", [at("10.42.0.1")])
            .document_fault("/containers/p", fault)
            .document("/containers/p", [at("10.42.0.2")]);
        let web = Running::web(&server);
        pass(ms(10_000)).await;
        assert_eq!(addresses(&web), ["10.42.0.1", "10.42.0.2"].map(|a| Some(a.to_owned())));
        assert_eq!(server.known(), [None, some("v1"), some("v2"), some("v2")]);
        assert_eq!(web.log.saying(FAULT).len(), 1);
        tokio::time::resume();
    }
}

#[actix_rt::test]
async fn one_with_an_address_of_its_own_needs_no_other() {
    let mut own = guest_of("p");
    own["containers"][0]["primary_ip"] = json!("10.42.0.7");
    let server = FakeServer::default().versions(&[(0, "v1")]).document(WEB, [own]);
    let web = Running::web(&server);
    pass(ms(1_000)).await;
    assert_eq!((addresses(&web), server.fetched()), (vec![Some("10.42.0.7".into())], vec![WEB.to_owned()]));
}
