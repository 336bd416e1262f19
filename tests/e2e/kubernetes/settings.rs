//! Settings of the source, right and wrong ones.

use std::fs;

use stalls_lab::stalls::messages::FAULT_BEGINS;

use super::{KubernetesStage, stage::web};
use crate::harness::{BASE, Mapped, run};

/// Ends the start with 64 and one line that names this variable.
async fn is_refused(it: &KubernetesStage, variable: &str) {
    let ended = run(it.stage.launch()).await;
    assert_eq!((ended.code, ended.stdout.len()), (Some(64), 0), "{:?}", ended.stderr);
    assert!(ended.stderr.iter().any(|line| line.starts_with(variable)), "{variable}: {:?}", ended.stderr);
}

#[tokio::test]
async fn wrong_values_are_named() {
    for (variable, value) in [
        ("IP_FAMILY", "ipv5"),
        ("SERVICE_NAME", "app in (web)"),
        ("SERVICE_NAME", "app=web,"),
        ("SERVICE_NAME", "!"),
        ("BACKEND_PORT", "70000"),
        ("BACKEND_PORT", "Not_a_Name"),
        ("KUBECONFIG", "relative/kubeconfig"),
    ] {
        let it = KubernetesStage::prepared(1).await.env(variable, value);
        is_refused(&it, variable).await;
    }
}

#[tokio::test]
async fn without_a_namespace_it_is_that_of_the_context() {
    let mut it = KubernetesStage::prepared_with(|options| {
        options.world.stateful_set("shop", "web").scale_to(2);
    })
    .await
    .without("STACK_NAME");
    it.server.write_kubeconfig(&it.kubeconfig(), Some("shop"));
    it.stage.start();
    let uid = it.server.read(|world| world.pod("shop", "web-1").uid().to_owned());
    it.stage.expect_port(BASE + 1, &uid).await;
}

#[tokio::test]
async fn a_kubeconfig_that_is_written_later_is_found() {
    let mut it = KubernetesStage::prepared_with(|options| web(&mut options.world).scale_to(2)).await;
    fs::remove_file(it.kubeconfig()).unwrap();
    it.stage.start();
    it.stage.line(FAULT_BEGINS).await;
    it.write_kubeconfig();
    it.settled().await;
}
