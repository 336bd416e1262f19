//! Which container is reached, from where a user is.

use std::net::Ipv4Addr;

use crate::harness::{BASE, Stage};

#[tokio::test]
async fn a_container_reaches_each_of_the_others_on_its_port() {
    let mut stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    let visitor = stage.listed()[0].uuid.clone();
    for (port, listed) in (BASE..).zip(stage.listed()) {
        assert_eq!(stage.visit_from(&visitor, &format!("stalls:{port}")), listed.uuid);
    }

    stage.add(4, Ipv4Addr::new(10, 42, 200, 4));
    stage.port_settled(BASE + 3).await;
    assert_eq!(stage.visit_from(&visitor, "stalls:5003"), "web-4-at-10.42.200.4");
    let without_the_second = stage.listed().into_iter().filter(|listed| listed.index != 2).collect();
    stage.list(without_the_second);
    stage.settled().await;
    stalls.stop();
}
