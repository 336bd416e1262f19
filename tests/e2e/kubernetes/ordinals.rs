//! Each pod of a StatefulSet on the port of its ordinal.

use stalls_lab::{kubernetes::Phase, stalls::messages::NOT_MAPPED};

use super::{
    GAMES, KubernetesStage,
    stage::{ports, web},
};
use crate::harness::{BACKEND_PORT, BASE, Bystanders, Mapped};

#[tokio::test]
async fn ordinal_0_has_the_first_port_and_each_next_one_the_next() {
    let it = KubernetesStage::with_replicas(4).await;
    for ordinal in 0..4 {
        it.stage.expect_port(BASE + ordinal, &it.uid(ordinal.into())).await;
    }
    it.stage.assert_refused(BASE + 4).await;
    it.stage.assert_calm();
}

#[tokio::test]
async fn ordinals_count_from_the_base_port_also_when_they_begin_with_5() {
    let it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).from_ordinal(5).scale_to(3);
    })
    .await
    .started()
    .await;
    for port in ports(0..5) {
        it.stage.assert_refused(port).await;
    }
    for ordinal in 5..8 {
        it.stage.expect_port(BASE + ordinal, &it.uid(ordinal.into())).await;
    }
}

#[tokio::test]
async fn the_name_says_the_ordinal_where_no_label_does() {
    let it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).without_index_label().from_ordinal(2).scale_to(3);
    })
    .await
    .started()
    .await;
    assert_eq!(it.assignments().into_keys().collect::<Vec<_>>(), ports(2..5).collect::<Vec<_>>());
    it.stage.assert_calm();
}

#[tokio::test]
async fn scaling_up_and_down_disturbs_no_other_port() {
    let mut it = KubernetesStage::with_replicas(3).await;
    let haproxy = it.stage.haproxy().await;
    let mut bystanders = Bystanders::begin(&it).await;
    for replicas in [6, 2, 5, 1, 8, 3] {
        it.change_beside(&mut bystanders, |world| web(world).scale_to(replicas)).await;
        bystanders.follow(&it).await;
    }
    bystanders.end().await;
    assert_eq!(it.stage.haproxy().await, haproxy);
    it.stage.assert_no_reload();
    it.stage.assert_calm();
}

#[tokio::test]
async fn a_rolling_update_gives_each_port_to_the_pod_of_its_ordinal_one_after_the_other() {
    let mut it = KubernetesStage::with_replicas(4).await;
    let mut bystanders = Bystanders::begin(&it).await;
    for ordinal in (0..4).rev() {
        it.change_beside(&mut bystanders, |world| web(world).delete(ordinal)).await;
        bystanders.follow(&it).await;
        it.change_beside(&mut bystanders, |world| {
            web(world).remove(ordinal);
            web(world).create_as(ordinal, |pod| pod.pending());
        })
        .await;
        bystanders.notice_nothing().await;
        it.change_beside(&mut bystanders, |world| {
            web(world).edit(ordinal, |pod| {
                (pod.phase, pod.ready) = (Phase::Running, true);
            });
        })
        .await;
        bystanders.follow(&it).await;
    }
    bystanders.end().await;
    it.stage.assert_no_reload();
    it.stage.assert_calm();
}

#[tokio::test]
async fn a_pod_beyond_the_pool_is_said_and_disturbs_nobody() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.change(|world| web(world).from_ordinal(7).create(70_000)).await;
    assert_eq!(it.stage.line(NOT_MAPPED).await["containers"], 1);
    bystanders.notice_nothing().await;
    bystanders.end().await;
}

#[tokio::test]
async fn pods_of_other_sets_and_namespaces_are_nobodys_business() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.change(|world| {
        world.stateful_set(GAMES, "web-extra").scale_to(2);
        world.stateful_set(GAMES, "api").app("web").scale_to(2);
        world.stateful_set("other", "web").scale_to(4);
    })
    .await;
    it.watched().await;
    it.change_beside(&mut bystanders, |world| web(world).scale_to(3)).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    it.stage.assert_calm();
}

#[tokio::test]
async fn a_list_in_several_pages_is_read_as_a_whole() {
    let it = KubernetesStage::prepared_with(|options| {
        // They come first in each list.
        for ordinal in 0..1000 {
            options.world.stateful_set(GAMES, "many").create_as(ordinal, |pod| pod.pending());
        }
        web(&mut options.world).scale_to(3);
    });
    let it = it.await.started().await;
    let asked = it.server.asked();
    assert!(asked.iter().filter(|asked| asked.parameter("continue").is_some()).count() > 1, "{asked:#?}");
    it.stage.assert_calm();
}

#[tokio::test]
async fn a_pod_at_the_nodes_address_is_not_mapped_if_its_port_is_one_of_the_pool() {
    let it = KubernetesStage::prepared_with(|options| {
        web(&mut options.world).ports(&[(Some("http"), BACKEND_PORT)]).create(0);
    });
    let mut it = it.await.env("BACKEND_PORT", "http");
    let node = it.stage.block.listen_ip();
    it.change(|world| {
        web(world).ports(&[(Some("http"), BASE + 3)]).create_as(1, |pod| pod.on_node(node));
    })
    .await;
    it.stage.start();
    let unmapped = it.stage.line(NOT_MAPPED).await;
    assert_eq!(unmapped["containers"], 1, "{unmapped}");
    it.stage.expect_port(BASE, &it.uid(0)).await;
    it.stage.expect_refused(BASE + 1).await;
}
