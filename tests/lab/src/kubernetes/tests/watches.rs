//! Watches, and how they end.

use serde_json::json;

use super::*;

const BOOKMARKS: &str = "&allowWatchBookmarks=true";

#[tokio::test]
async fn a_watch_tells_what_has_happened_since_its_version_and_what_happens() {
    let server = start().await;
    let before = version(&server).await;
    server.change(|world| drop(world.stateful_set("games", "web").create(3)));
    let mut watching = Watching::from(&server, &before, "").await;
    assert_eq!(watching.told().await, told("ADDED", "web-3", 5));
    server.change(|world| world.edit("games", "web-1", |pod| pod.ready = false));
    assert_eq!(watching.told().await, told("MODIFIED", "web-1", 6));
    server.change(|world| world.stateful_set("other", "web").scale_to(1));
    server.change(|world| world.stateful_set("games", "web").remove(0));
    assert_eq!(watching.told().await, told("MODIFIED", "web-0", 8));
    assert_eq!(watching.told().await, told("DELETED", "web-0", 9));
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there() {
    let server = start().await;
    for version in ["", "0"] {
        let mut watching = Watching::from(&server, version, "").await;
        for (ordinal, version) in [(0, 2), (1, 3), (2, 4)] {
            assert_eq!(watching.told().await, told("ADDED", &format!("web-{ordinal}"), version));
        }
    }
}

#[tokio::test]
async fn a_pod_that_leaves_the_selector_is_deleted_to_it_and_one_that_enters_is_added() {
    let server = start().await;
    let selector = "&labelSelector=app%3Dweb";
    let mut watching = Watching::from(&server, &version(&server).await, selector).await;
    let relabel = |value: &'static str| {
        let set = |pod: &mut Pod| drop(pod.labels.insert("app".to_owned(), value.to_owned()));
        server.change(|world| world.edit("games", "web-1", set));
    };
    relabel("debug");
    server.change(|world| world.edit("games", "web-1", |pod| pod.ready = false));
    relabel("web");
    let left = watching.event().await;
    assert_eq!(
        (&left["type"], &left["object"]["metadata"]["resourceVersion"]),
        (&json!("DELETED"), &json!("5"))
    );
    assert_eq!(left["object"]["metadata"]["labels"]["app"], "web", "as it was before");
    assert_eq!(watching.told().await, told("ADDED", "web-1", 7));
}

#[tokio::test]
async fn a_watch_ends_with_its_time_after_a_bookmark_with_the_newest_version() {
    let server = start().await;
    server.change(World::change_something_foreign);
    let mut watching = Watching::from(&server, "4", &format!("{BOOKMARKS}&timeoutSeconds=0")).await;
    assert_eq!(watching.told().await, told("BOOKMARK", "", 5));
    assert_eq!(watching.line().await, Ok(None));
    let mut watching = Watching::from(&server, "4", "&timeoutSeconds=0").await;
    assert_eq!(watching.line().await, Ok(None));
}

#[tokio::test]
async fn a_bookmark_comes_after_all_that_has_happened_and_only_to_those_who_want_it() {
    let server = start().await;
    let mut with = Watching::from(&server, "4", BOOKMARKS).await;
    let mut without = Watching::from(&server, "4", "").await;
    server.change(|world| world.delete("games", "web-0"));
    server.disturb(Disturbance::Bookmark);
    server.end_watches(Disturbance::End).await;
    assert_eq!(with.told().await, told("MODIFIED", "web-0", 5));
    assert_eq!(with.told().await, told("BOOKMARK", "", 5));
    assert_eq!(with.line().await, Ok(None));
    let mut seen = 0;
    while let Some(line) = without.line().await.expect("an end in good order") {
        assert!(!line.contains("BOOKMARK"), "{line}");
        seen += 1;
    }
    // An end may come before what has not been told yet.
    assert!(seen <= 1);
}

#[tokio::test]
async fn what_is_compacted_has_expired_by_an_event_or_by_the_status() {
    for expires_by_status in [false, true] {
        let server = start_with(|options| options.expires_by_status = expires_by_status).await;
        server.change(World::change_something_foreign);
        server.change(World::compact);
        let target = format!("{PODS}?watch=1&resourceVersion=4");
        let (status, answer) = get(&server, &target).await;
        let message = "too old resource version: 4 (5)";
        if expires_by_status {
            assert_eq!((status, &answer["code"], &answer["message"]), (410, &json!(410), &json!(message)));
        } else {
            let object = &answer["object"];
            assert_eq!((status, &answer["type"]), (200, &json!("ERROR")));
            assert_eq!((&object["code"], &object["message"]), (&json!(410), &json!(message)));
        }
        let mut newest = Watching::from(&server, "5", "").await;
        server.change(|world| world.delete("games", "web-0"));
        assert_eq!(newest.told().await, told("MODIFIED", "web-0", 6));
    }
}

#[tokio::test]
async fn a_version_from_the_future_is_met_by_silence_until_it_is_the_present() {
    let server = start().await;
    let saved = server.saved();
    server.change(|world| world.stateful_set("games", "web").scale_to(5));
    let future = version(&server).await;
    server.restore(&saved).await;
    let mut watching = Watching::from(&server, &future, BOOKMARKS).await;
    server.change(|world| world.delete("games", "web-0"));
    server.change(|world| world.delete("games", "web-1"));
    server.change(|world| world.delete("games", "web-2"));
    assert_eq!(watching.told().await, told("MODIFIED", "web-2", 7));
}

#[tokio::test]
async fn a_watch_that_runs_and_has_told_everything_is_known() {
    let server = start().await;
    let _watching = Watching::from(&server, "4", "").await;
    server.change(|world| world.delete("games", "web-0"));
    server.await_watched("games", SOON).await;
}

#[tokio::test]
async fn a_watch_is_over_for_the_server_when_the_client_has_gone() {
    let server = start().await;
    drop(Watching::from(&server, "4", "").await);
    server.end_watches(Disturbance::Mute).await;
}
