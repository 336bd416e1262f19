//! Which container is reached, from where a user is.

use std::net::Ipv4Addr;

use stalls_lab::stalls::messages::{GONE, LINGER};

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
    stalls.stop();
}

#[tokio::test]
async fn a_container_that_is_missing_keeps_its_port_until_it_has_ended() {
    let mut stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    let mut held = stage.hold(BASE + 1).await;
    let second = stage.listed().remove(1).uuid;
    let without_the_second = stage.listed().into_iter().filter(|listed| listed.uuid != second).collect();
    stage.list(without_the_second);
    stalls.said(LINGER, 1).await;
    assert_eq!(held.check().await, Ok(()));
    assert_eq!(stage.hold(BASE + 1).await.landing().uuid, second);
    stage.end(&second);
    stalls.said(GONE, 1).await;
    stage.settled().await;
    assert!(held.check().await.is_err());
    stalls.stop();
}
