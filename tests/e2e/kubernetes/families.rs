//! Pods with addresses of both families.

use std::net::{IpAddr, Ipv6Addr, TcpListener};

use stalls_lab::stalls::messages::{NOT_MAPPED, PLAN_APPLIED};

use super::{KubernetesStage, stage::web};
use crate::harness::BASE;

/// A pod that listens at an IPv4 and at an IPv6 address; at each of them another backend answers.
async fn dual(first: &str, family: Option<&str>) -> (KubernetesStage, String) {
    let port = TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    let it = KubernetesStage::prepared_with(|options| {
        let mut set = web(&mut options.world).ports(&[(None, port)]);
        set.create(0);
        set.edit(0, |pod| {
            let four = pod.ips[0];
            pod.ips = if first == "ipv4" { vec![four, six] } else { vec![six, four] };
        });
    });
    let mut it = it.await.env("BACKEND_PORT", port);
    if let Some(family) = family {
        it = it.env("IP_FAMILY", family);
    }
    it.stage.start();
    it.stage.expect_port(BASE, &it.uid(0)).await;
    it.stage.line(PLAN_APPLIED).await;
    let cfg = it.stage.haproxy_cfg().await;
    (it, cfg)
}

#[tokio::test]
async fn the_first_address_is_used_unless_a_family_is_chosen() {
    for (first, family, is_six) in [
        ("ipv4", None, false),
        ("ipv6", None, true),
        ("ipv4", Some("ipv6"), true),
        ("ipv6", Some("ipv4"), false),
    ] {
        let (_stage, cfg) = dual(first, family).await;
        assert_eq!(cfg.contains("[::1]:"), is_six, "{first} first, {family:?}: {cfg}");
    }
}

#[tokio::test]
async fn a_pod_without_an_address_of_the_chosen_family_is_not_mapped() {
    let mut it = KubernetesStage::prepared(1).await.env("IP_FAMILY", "ipv6");
    it.stage.start();
    let unmapped = it.stage.line(NOT_MAPPED).await;
    assert_eq!((&unmapped["containers"], &unmapped["kind"]), (&1.into(), &"no_address".into()), "{unmapped}");
    it.stage.assert_refused(BASE).await;
}
