//! Public source: haproxytech/kubernetes-ingress#348, #446; jcmoraisjr/haproxy-ingress#569: two instances on one host, of
//! which only one can have the admin port.

use serde_json::{Value, json};
use stalls_lab::stalls::messages::{ADMIN_LISTENING, ADMIN_NOT_LISTENING, FAILED_TO_START, POOL_GROWS};
use tokio::net::TcpStream;

use crate::harness::{Ended, Script, Stage, run};

/// Two stages whose instances are to have one admin address.
async fn two() -> (Stage, Stage) {
    let first = Stage::prepared(2).await;
    let admin = first.address(8405);
    let second = Stage::prepared(3).await.env("ADMIN_LISTEN", admin);
    (first.env("ADMIN_LISTEN", admin), second)
}

async fn health(stage: &Stage) -> (Option<i32>, Value) {
    let Ended { code, stdout, stderr } = run(&stage.launch().clone().arg("health")).await;
    (code, stdout.first().map_or_else(|| json!(stderr), |line| serde_json::from_str(line).unwrap()))
}

#[tokio::test]
async fn each_health_check_asks_its_own_instance() {
    let (first, second) = two().await;
    let first = first.started().await;
    first.line(ADMIN_LISTENING).await;
    let second = second.started().await;
    // It serves all the same, and says so.
    assert_eq!(second.line(ADMIN_NOT_LISTENING).await["level"], "error");
    for stage in [&first, &second] {
        let (code, answer) = health(stage).await;
        assert_eq!((code, &answer["haproxy_pid"]), (Some(0), &json!(stage.haproxy().await)), "{answer}");
    }
}

#[tokio::test]
async fn a_broken_instance_is_unhealthy_beside_a_healthy_one() {
    let (first, _) = two().await;
    let first = first.started().await;
    first.line(ADMIN_LISTENING).await;
    for admin in [first.address(8405).to_string(), "off".into()] {
        let broken = Script::new("exit 1");
        let mut second =
            Stage::prepared(1).await.env("ADMIN_LISTEN", admin).env("HAPROXY_BIN", broken.path().display());
        second.start();
        second.line(FAILED_TO_START).await;
        let (code, answer) = health(&second).await;
        assert_eq!((code, &answer["status"]), (Some(1), &json!("unhealthy")), "{answer}");
        assert_eq!(health(&first).await.0, Some(0));
        second.end().await;
        assert_eq!(health(&second).await.0, Some(1), "one that has ended");
    }
}

#[tokio::test]
async fn without_an_admin_address_an_instance_is_asked_all_the_same() {
    let stage = Stage::prepared(1).await.env("ADMIN_LISTEN", "off").started().await;
    assert_eq!(health(&stage).await.0, Some(0));
}

/// A stage without `PORT_COUNT` whose service publishes so many ports from 8390 on, and whose admin address has port 8405.
async fn published(count: u16, scale: usize) -> Stage {
    let mut stage = Stage::prepared(scale).await.with_pool(count).without("PORT_COUNT").on_base(8390);
    let admin = stage.address(8405);
    let ports = (8390..8390 + count).map(|port| format!("{port}:{port}/tcp")).collect();
    stage.change(|world| world.cattle("app", "stalls").ports = ports).await;
    stage.env("ADMIN_LISTEN", admin)
}

#[tokio::test]
async fn a_pool_that_does_not_reach_the_admin_port_is_served() {
    let mut stage = published(8, 8).await.started().await;
    assert_eq!(health(&stage).await.0, Some(0));
    // It grows as far as the admin port, which goes on being served.
    stage.change(|world| world.web().scale_to(15)).await;
    stage.line(POOL_GROWS).await;
    stage.expect_port(8404, &stage.uuid(15)).await;
    stage.line(ADMIN_LISTENING).await;
    TcpStream::connect(stage.address(8405)).await.unwrap();
}
