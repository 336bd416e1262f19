//! The network and the metadata service go away and come back.

use std::net::Ipv4Addr;

use stalls_lab::stalls::messages::FAULT_BEGINS;

use crate::harness::{BASE, Stage};

#[tokio::test]
async fn a_network_that_comes_back_finds_the_same_haproxy_and_the_newest_mapping() {
    let mut stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    let haproxy = stalls.haproxy().await;
    stage.disconnect_stalls();
    stage.add(4, Ipv4Addr::new(10, 42, 1, 4));
    stalls.said(FAULT_BEGINS, 1).await;
    assert_eq!(stalls.haproxy().await.pid, haproxy.pid);
    stage.connect_stalls();
    stage.settled().await;
    assert_eq!(stalls.haproxy().await.pid, haproxy.pid);
    assert_eq!(stalls.inspect(".RestartCount"), "0");
    stalls.stop();
}

#[tokio::test]
async fn a_metadata_service_that_comes_back_with_other_data_is_followed() {
    let mut stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    let mut held = stage.hold(BASE).await;
    stage.stop_metadata();
    stage.settled().await;
    let mut replaced = stage.listed();
    stage.add(2, Ipv4Addr::new(10, 42, 9, 2));
    replaced.remove(1);
    replaced.extend(stage.listed().pop());
    stage.list(replaced);
    stage.start_metadata();
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    stalls.stop();
}
