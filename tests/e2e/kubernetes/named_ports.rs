//! Container ports that are known by their names.

use stalls_lab::stalls::messages::NOT_MAPPED;

use super::{KubernetesStage, stage::web};
use crate::harness::{BASE, Bystanders};

const METRICS: u16 = 9092;

#[tokio::test]
async fn a_name_leads_to_the_number_that_each_pod_gives_it() {
    let it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).ports(&[(Some("metrics"), METRICS), (Some("http"), 8081)]).create(0);
        web(&mut options.world).ports(&[(Some("http"), 8082), (None, METRICS)]).create(1);
    })
    .await
    .env("BACKEND_PORT", "http");
    let mut it = it.started().await;
    let mut bystanders = Bystanders::begin(&it).await;
    // A rolling update moves the name to another number.
    let update = |world: &mut _| drop(web(world).ports(&[(Some("http"), 8083)]).replace(1));
    it.change_beside(&mut bystanders, update).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    let cfg = it.stage.haproxy_cfg().await;
    assert!(cfg.contains(":8081") && cfg.contains(":8083"), "{cfg}");
    it.stage.assert_no_reload();
}

#[tokio::test]
async fn a_pod_without_the_name_is_not_mapped_and_the_reason_names_it() {
    let mut it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).ports(&[(Some("http"), 8080)]).scale_to(2);
        web(&mut options.world).ports(&[(Some("web"), 8080)]).create(2);
    })
    .await
    .env("BACKEND_PORT", "http");
    it.stage.start();
    let unmapped = it.stage.line(NOT_MAPPED).await;
    assert_eq!(unmapped["containers"], 1, "{unmapped}");
    assert!(unmapped["reason"].as_str().is_some_and(|reason| reason.contains("http")), "{unmapped}");
    for ordinal in 0..2 {
        it.stage.expect_port(BASE + ordinal, &it.uid(ordinal.into())).await;
    }
    it.stage.expect_refused(BASE + 2).await;
}

#[tokio::test]
async fn one_set_may_be_mapped_by_a_name_and_by_a_number() {
    let it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).ports(&[(Some("http"), 8080), (None, METRICS)]).scale_to(2);
    })
    .await
    .mapping("games/web:http@5000+8 games/web:9092@7000+8");
    let it = it.started().await;
    for ordinal in 0..2 {
        it.stage.expect_port(7000 + ordinal, &it.uid(ordinal.into())).await;
    }
    // One list and one watch tell of both.
    let lists = it.server.asked().iter().filter(|asked| asked.is_list()).count();
    assert_eq!(lists, 1, "{:#?}", it.server.asked());
}
