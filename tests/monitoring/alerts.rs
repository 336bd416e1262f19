//! The alerts of a real Prometheus that scrapes real hosts.

use std::time::Duration;

use stalls_lab::metadata::Fault;

use crate::{
    host::{Host, SOON},
    prometheus::Prometheus,
};

/// The alerts fire a minute after what they are about.
const A_MINUTE_AND_SOME: Duration = Duration::from_secs(120);

#[tokio::test]
async fn alerts_fire_for_the_host_that_has_the_fault_and_resolve_when_it_is_over() {
    let (mut dies, lacks_haproxy, lacks_metadata, calm) =
        tokio::join!(Host::new(), Host::new(), Host::new(), Host::new());
    let hosts = [&dies, &lacks_haproxy, &lacks_metadata, &calm].map(Host::admin);
    let prometheus = Prometheus::start(&hosts);
    prometheus.await_scraped(hosts.len(), SOON).await;
    assert!(prometheus.firing().await.is_empty());

    dies.kill().await;
    lacks_haproxy.remove_haproxy();
    lacks_metadata.server.fault(Fault::Refuse).await;
    let wanted = [
        ("StallsDown", dies.admin()),
        ("StallsHaproxyDown", lacks_haproxy.admin()),
        ("StallsSourceStale", lacks_metadata.admin()),
    ];
    prometheus.await_firing(&wanted, A_MINUTE_AND_SOME).await;

    dies.start().await;
    lacks_haproxy.install_haproxy();
    lacks_metadata.server.clear_fault().await;
    prometheus.await_firing(&[], A_MINUTE_AND_SOME).await;
}
