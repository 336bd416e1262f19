//! Watches end, break and are wrong, and nobody notices.

use stalls_lab::{
    kubernetes::{Asked, Disturbance},
    stalls::messages::FAULT_BEGINS,
};

use super::{GAMES, KubernetesStage, stage::web};
use crate::harness::{BASE, Bystanders, Mapped, SOON, until};

/// The watch ends in this way before a change was told. Returns what was asked for since.
async fn goes_on_after(disturbance: Disturbance) -> (KubernetesStage, Vec<Asked>) {
    let mut it = KubernetesStage::with_replicas(4).await;
    let mut bystanders = Bystanders::begin(&it).await;
    let mut asked = Vec::new();
    for round in 0..3 {
        it.watched().await;
        let from = it.server.asked().len();
        it.server.disturb(Disturbance::Mute);
        let change = |world: &mut _| drop(web(world).replace(round));
        it.change_beside(&mut bystanders, change).await;
        it.server.end_watches(disturbance.clone()).await;
        bystanders.follow(&it).await;
        asked.extend(it.server.asked().split_off(from));
    }
    bystanders.end().await;
    it.stage.assert_no_reload();
    (it, asked)
}

#[tokio::test]
async fn a_watch_that_ends_in_good_order_goes_on_and_nothing_is_said() {
    let (it, asked) = goes_on_after(Disturbance::End).await;
    assert!(asked.iter().all(Asked::is_watch), "{asked:#?}");
    it.stage.assert_calm();
}

#[tokio::test]
async fn a_watch_that_is_cut_within_a_line_goes_on_from_its_last_version_without_a_list() {
    let (_, asked) = goes_on_after(Disturbance::Cut).await;
    assert!(asked.iter().all(Asked::is_watch), "{asked:#?}");
}

#[tokio::test]
async fn a_watch_that_is_reset_goes_on_from_its_last_version_without_a_list() {
    let (_, asked) = goes_on_after(Disturbance::Reset).await;
    assert!(asked.iter().all(Asked::is_watch), "{asked:#?}");
}

#[tokio::test]
async fn a_watch_goes_on_from_the_last_bookmark() {
    let mut it = KubernetesStage::with_replicas(2).await;
    it.watched().await;
    it.server.change(|world| {
        for _ in 0..1000 {
            world.change_something_foreign();
        }
    });
    it.server.disturb(Disturbance::Bookmark);
    let from = it.server.asked().len();
    // The bookmark comes before the end.
    it.server.end_watches(Disturbance::End).await;
    // What happened before the bookmark has expired.
    it.server.change(|world| world.compact());
    it.asked_after(from, Asked::is_watch).await;
    it.change(|world| web(world).scale_to(3)).await;
    it.settled().await;
    let asked = it.server.asked().split_off(from);
    assert!(asked.iter().all(Asked::is_watch), "{asked:#?}");
    it.stage.assert_calm();
}

#[tokio::test]
async fn lines_that_are_no_events_take_nothing_away() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let mut bystanders = Bystanders::begin(&it).await;
    for line in [
        "",
        "{",
        "null",
        "[]",
        "\u{1f980}",
        r#"{"type":"ADDED"}"#,
        r#"{"type":"MODIFIED","object":7}"#,
        r#"{"type":"RENAMED","object":{"kind":"Pod","metadata":{"name":"web-0","namespace":"games"}}}"#,
    ] {
        it.watched().await;
        it.server.disturb(Disturbance::Line(line.to_owned()));
        bystanders.notice_nothing().await;
        it.change_beside(&mut bystanders, |world| drop(web(world).replace(1))).await;
        bystanders.follow(&it).await;
    }
    bystanders.end().await;
    it.stage.assert_no_reload();
}

#[tokio::test]
async fn only_pods_are_asked_for_and_only_by_list_and_watch_with_the_token() {
    let mut it = KubernetesStage::with_replicas(2).await;
    it.server.end_watches(Disturbance::Expire).await;
    it.change(|world| web(world).scale_to(3)).await;
    it.settled().await;
    for asked in it.server.asked() {
        assert!(asked.is_list() || asked.is_watch(), "{asked:?}");
        assert_eq!(asked.namespace.as_deref(), Some(GAMES), "{asked:?}");
        assert_eq!(asked.parameter("labelSelector"), Some("statefulset.kubernetes.io/pod-name"), "{asked:?}");
        assert_eq!(asked.authorization.as_deref(), Some("Bearer token-of-the-lab"), "{asked:?}");
        if asked.is_watch() {
            assert_eq!(asked.parameter("allowWatchBookmarks"), Some("true"), "{asked:?}");
            let seconds = asked.parameter("timeoutSeconds").and_then(|seconds| seconds.parse::<u64>().ok());
            assert!(seconds.is_some_and(|seconds| seconds > 0), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn a_fault_in_the_stream_is_a_fault_that_takes_nothing_away() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let mut bystanders = Bystanders::begin(&it).await;
    it.watched().await;
    it.server.end_watches(Disturbance::Fail).await;
    it.change_beside(&mut bystanders, |world| web(world).scale_to(3)).await;
    bystanders.follow(&it).await;
    bystanders.end().await;
    until("it watches again", || it.server.asked().iter().filter(|asked| asked.is_watch()).count() > 1).await;
    assert!(it.stage.lines(FAULT_BEGINS).len() <= 1);
    it.stage.expect_port(BASE, &it.uid(0)).await;
}

// === What takes long ===

/// The watch has said nothing for a minute and a half: a list tells what has happened.
async fn lists_again(it: &mut KubernetesStage, asked: usize) {
    let is_listed = |all: &[Asked]| all[asked..].iter().any(Asked::is_list);
    it.server.await_asked(is_listed, 4 * SOON).await;
    it.pods_follow().await;
    it.settled().await;
}

#[tokio::test]
#[ignore = "it takes a minute and a half, make check has it"]
async fn a_watch_that_has_become_deaf_is_noticed() {
    let mut it = KubernetesStage::with_replicas(2).await;
    it.watched().await;
    let asked = it.server.asked().len();
    it.server.disturb(Disturbance::Mute);
    it.change(|world| web(world).scale_to(4)).await;
    lists_again(&mut it, asked).await;
}

#[tokio::test]
#[ignore = "it takes a minute and a half, make check has it"]
async fn a_cluster_that_is_restored_from_a_backup_is_noticed() {
    let mut it = KubernetesStage::with_replicas(2).await;
    let saved = it.server.saved();
    it.change(|world| web(world).scale_to(4)).await;
    it.settled().await;
    it.watched().await;
    let asked = it.server.asked().len();
    it.server.restore(&saved).await;
    lists_again(&mut it, asked).await;
}
