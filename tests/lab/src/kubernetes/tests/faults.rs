//! What the server does when it is to be wrong.

use std::{io, pin::pin};

use serde_json::json;
use tokio::time;

use super::*;

#[tokio::test]
async fn faults_that_are_answers() {
    let server = start().await;
    for (fault, code, reason) in [
        (Fault::Unauthorized, 401, "Unauthorized"),
        (Fault::Forbidden, 403, "Forbidden"),
        (Fault::Gone, 410, "Expired"),
        (Fault::InternalError, 500, "InternalError"),
    ] {
        server.fault(fault.clone());
        let (status, answer) = get(&server, PODS).await;
        assert_eq!((status, &answer["kind"]), (code, &json!("Status")), "{fault:?}");
        assert_eq!((&answer["code"], &answer["reason"]), (&json!(code), &json!(reason)), "{fault:?}");
    }
    server.fault(Fault::Body(b"<html>".to_vec()));
    assert_eq!(get(&server, PODS).await, (200, json!("<html>")));
    server.clear_fault();
    assert_eq!(get(&server, PODS).await.1["kind"], "PodList");
}

#[tokio::test]
async fn forbidden_names_user_verb_and_namespace() {
    let server = start().await;
    server.fault(Fault::Forbidden);
    let (_, answer) = get(&server, &format!("{PODS}?watch=1")).await;
    assert_eq!(
        answer["message"],
        "pods is forbidden: User \"system:serviceaccount:games:stalls\" cannot watch resource \"pods\" in API group \"\" in the namespace \"games\""
    );
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_again() {
    let server = start().await;
    server.fault(Fault::TooManyRequests(3));
    let answer = client::raw(server.address(), PODS, AUTHORIZED).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 3\r\n"), "{answer}");
}

#[tokio::test]
async fn a_fault_stays_within_its_scope() {
    let server = start().await;
    let watch = format!("{PODS}?watch=1&timeoutSeconds=0");
    let elsewhere = "/api/v1/namespaces/other/pods";
    let codes =
        async || [get(&server, PODS).await.0, get(&server, &watch).await.0, get(&server, elsewhere).await.0];
    for (scope, expected) in [
        (Scope::everything(), [500, 500, 500]),
        (Scope::lists(), [500, 200, 500]),
        (Scope::watches(), [200, 500, 200]),
        (Scope::everything().of_namespace("games"), [500, 500, 200]),
        (Scope::lists().of_namespace("other"), [200, 200, 500]),
    ] {
        server.fault_only(scope.clone(), Fault::InternalError);
        assert_eq!(codes().await, expected, "{scope:?}");
    }
}

#[tokio::test]
async fn hang_answers_when_it_has_ended() {
    let server = start().await;
    server.fault(Fault::Hang);
    let mut waiting = pin!(get(&server, PODS));
    let answer = time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(answer.is_err(), "{answer:?}");
    server.clear_fault();
    assert_eq!(waiting.await.0, 200);
}

#[tokio::test]
async fn close_and_truncated_end_the_connection_early() {
    let server = start().await;
    server.fault(Fault::Close);
    assert_eq!(client::raw(server.address(), PODS, AUTHORIZED).await.expect("an orderly end"), "");
    server.fault(Fault::Truncated);
    let answer = client::raw(server.address(), PODS, AUTHORIZED).await.expect("an orderly end");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let promised = head.split_once("Content-Length: ").and_then(|(_, length)| length.parse().ok());
    assert_eq!(promised.map(|length: usize| length / 2), Some(body.len()), "{head}");
}

#[tokio::test]
async fn a_watch_that_is_cut_ends_within_a_line() {
    let server = start().await;
    let mut watching = Watching::from(&server, "4", "").await;
    server.change(|world| world.delete("games", "web-0"));
    server.end_watches(Disturbance::Cut).await;
    let mut told = Vec::new();
    let half = loop {
        match watching.line().await {
            Ok(line) => told.push(line.expect("no end in good order")),
            Err(half) => break half,
        }
    };
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(&half).is_err(), "{half}");
    assert!(told.len() <= 1, "{told:?}");
    assert_eq!(watching.0.read(&mut [0]).await.expect("an orderly end"), 0);
}

#[tokio::test]
async fn a_watch_can_be_reset() {
    let server = start().await;
    let mut watching = Watching::from(&server, "4", "").await;
    server.end_watches(Disturbance::Reset).await;
    let error = watching.0.read(&mut [0]).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_line_of_garbage_comes_between_the_events() {
    let server = start().await;
    let mut watching = Watching::from(&server, "4", "").await;
    server.disturb(Disturbance::Line("{\"type\": 7}".to_owned()));
    assert_eq!(watching.line().await, Ok(Some("{\"type\": 7}".to_owned())));
    server.change(|world| world.delete("games", "web-0"));
    assert_eq!(watching.told().await, told("MODIFIED", "web-0", 5));
}

#[tokio::test]
async fn a_mute_watch_says_nothing_of_what_happens_and_can_expire() {
    let server = start().await;
    let mut watching = Watching::from(&server, "4", "&allowWatchBookmarks=true").await;
    server.disturb(Disturbance::Mute);
    server.change(|world| world.stateful_set("games", "web").scale_to(1));
    server.disturb(Disturbance::Bookmark);
    server.disturb(Disturbance::Expire);
    let event = watching.event().await;
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(watching.line().await, Ok(None));
}

#[tokio::test]
async fn a_disturbance_stays_within_its_namespace() {
    let server = start().await;
    let mut here = Watching::from(&server, "4", "").await;
    let mut there = Watching::at(&server, "/api/v1/namespaces/other/pods?watch=1&resourceVersion=4").await;
    server.disturb_only("games", Disturbance::Fail);
    let failed = here.event().await;
    assert_eq!((&failed["type"], &failed["object"]["code"]), (&json!("ERROR"), &json!(500)));
    assert_eq!(here.line().await, Ok(None));
    server.change(|world| world.stateful_set("other", "web").scale_to(1));
    assert_eq!(there.told().await, told("ADDED", "web-0", 5));
}

#[tokio::test]
async fn it_can_be_stopped_and_started_again_at_the_same_address() {
    let server = start().await;
    let mut watching = Watching::from(&server, "4", "").await;
    server.stop().await;
    let refused = TcpStream::connect(server.address()).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(matches!(watching.0.read(&mut [0]).await, Ok(0) | Err(_)), "the old connection has ended");
    server.restart().await;
    assert_eq!(get(&server, PODS).await.0, 200);
}
