//! The metadata service is away, or answers nonsense.

use std::time::Duration;

use stalls_lab::metadata::{Fault, Scope};
use tokio::time::sleep;

use crate::harness::{BASE, SOON, Stage};

const BEGIN: &str = "metadata fault, ";
const END: &str = "metadata fault ended";

/// How long the pace of the requests is watched.
const WATCH: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_awaited() {
    let mut stage = Stage::prepared(3).await;
    stage.server.stop().await;
    stage.start();
    assert_eq!(stage.line(BEGIN).await["kind"], "unreachable");
    stage.server.restart().await;
    stage.settled().await;
    stage.line(END).await;
}

#[tokio::test]
async fn a_server_without_its_first_data_is_awaited() {
    let mut stage = Stage::prepared_with(3, |options| options.first_data = false).await.without("PORT_COUNT");
    stage.start();
    assert_eq!(stage.line(BEGIN).await["kind"], "not_found");
    stage.server.deliver_first_data();
    stage.settled().await;
    stage.line(END).await;
}

#[tokio::test]
async fn a_server_that_loses_its_data_for_a_while_takes_no_port_away() {
    let mut stage = Stage::with_scale(3).await;
    let haproxy = stage.haproxy().await;
    stage.server.fault(Fault::InvalidVersion).await;
    stage.line(BEGIN).await;
    stage.settled().await;
    stage.server.clear_fault().await;
    stage.line(END).await;
    assert_eq!(stage.haproxy().await, haproxy);
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
}

/// A stage whose stalls never waits for long before it asks again.
async fn impatient() -> Stage {
    Stage::prepared(3).await.env("POLL_SLEEP_TIME_MS", 200).started().await
}

/// The mapping survives the fault, the log tells of its begin and its end, and what has changed
/// meanwhile comes with the end.
async fn survives(scope: Scope, fault: Fault, kind: &str) {
    let mut stage = impatient().await;
    let (haproxy, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    let counts_requests = fault != Fault::Refuse;
    stage.server.fault_only(scope, fault).await;
    stage.server.change(|world| world.web().scale_to(4));
    let begin = stage.line(BEGIN).await;
    assert_eq!((begin["kind"].as_str(), begin["level"].as_str()), (Some(kind), Some("warning")));
    if counts_requests {
        let before = stage.server.requests();
        stage.server.await_requests(|now| now.version >= before.version + 3, SOON).await;
    }
    stage.expect_refused(BASE + 3).await;
    for index in 1..=3 {
        stage.expect_port(BASE + index - 1, &stage.uuid(index.into())).await;
    }
    assert_eq!(stage.haproxy().await, haproxy);

    stage.server.clear_fault().await;
    stage.containers_follow().await;
    stage.settled().await;
    assert!(stage.line(END).await["lasted_ms"].is_u64());
    assert_eq!((stage.lines(BEGIN).len(), stage.lines(END).len()), (1, 1));
    assert_eq!(held.check().await, Ok(()));
}

macro_rules! survived {
    ($($name:ident: $scope:ident, $fault:expr => $kind:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            survives(Scope::$scope, $fault, $kind).await;
        }
    )*};
}

survived! {
    refused_connections: Everything, Fault::Refuse => "unreachable";
    not_found_everywhere: Everything, Fault::NotFound => "not_found";
    not_found_for_the_service: Documents, Fault::NotFound => "not_found";
    no_data_everywhere: Everything, Fault::InvalidVersion => "not_found";
    an_internal_error_everywhere: Everything, Fault::InternalError => "status";
    an_internal_error_for_the_service: Documents, Fault::InternalError => "status";
    a_web_page_everywhere: Everything, Fault::Html => "not_json";
    a_web_page_for_the_service: Documents, Fault::Html => "not_json";
    broken_json_everywhere: Everything, Fault::BadJson => "not_json";
    broken_json_for_the_service: Documents, Fault::BadJson => "not_json";
    wrong_types_everywhere: Everything, Fault::WrongTypes => "wrong_shape";
    wrong_types_for_the_service: Documents, Fault::WrongTypes => "wrong_shape";
    a_truncated_answer_everywhere: Everything, Fault::Truncated => "unreachable";
    a_truncated_answer_for_the_service: Documents, Fault::Truncated => "unreachable";
    a_reset_connection_everywhere: Everything, Fault::Reset => "unreachable";
    a_reset_connection_for_the_service: Documents, Fault::Reset => "unreachable";
    an_empty_answer_everywhere: Everything, Fault::EmptyBody => "not_json";
    an_empty_answer_for_the_service: Documents, Fault::EmptyBody => "not_json";
    a_huge_answer_for_the_service: Documents, Fault::Huge(33 << 20) => "too_large";
    another_services_document: Documents, Fault::Body(r#"{"name": "db", "containers": null}"#.into()) => "wrong_shape";
    an_empty_object_for_the_service: Documents, Fault::Body("{}".into()) => "wrong_shape";
    the_error_document_with_status_200: Documents, Fault::Body(
        r#"{"code": 404, "message": "Not found", "type": "error"}"#.into()) => "wrong_shape";
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stage::prepared(9).await;
    let url = format!("{}/self/stack/services/web", elsewhere.server.base_url());
    survives(Scope::Documents, Fault::Redirect(url), "status").await;
    assert_eq!(elsewhere.server.requests().documents, 0);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up() {
    let mut stage = Stage::with_scale(3).await;
    stage.server.fault_only(Scope::Documents, Fault::Hang).await;
    stage.change(|world| world.web().scale_to(4)).await;
    assert_eq!(stage.line(BEGIN).await["kind"], "timed_out");
    stage.expect_port(BASE, &stage.uuid(1)).await;
    stage.server.clear_fault().await;
    stage.settled().await;
    stage.line(END).await;
}

#[tokio::test]
async fn an_answer_that_comes_in_drops_takes_no_port_away() {
    let mut stage = Stage::with_scale(3).await;
    let asked = stage.server.requests().documents;
    stage.server.fault_only(Scope::Documents, Fault::Drip).await;
    stage.server.change(|world| world.web().scale_to(4));
    stage.server.await_requests(|now| now.documents > asked, SOON).await;
    stage.expect_refused(BASE + 3).await;
    stage.expect_port(BASE, &stage.uuid(1)).await;
    // The server is taken away: an answer that drips on would outlast the test.
    stage.server.stop().await;
    assert_eq!(stage.line(BEGIN).await["kind"], "unreachable");
    stage.server.clear_fault().await;
    stage.containers_follow().await;
    stage.settled().await;
    stage.line(END).await;
}

#[tokio::test]
async fn a_fault_that_changes_its_kind_says_each_kind_once_and_ends_once() {
    let stage = impatient().await;
    for (fault, kind) in
        [(Fault::Html, "not_json"), (Fault::NotFound, "not_found"), (Fault::Html, "not_json")]
    {
        stage.server.fault(fault).await;
        let of_this_kind = |line: &serde_json::Value| line["kind"] == kind;
        stage.stalls().await_log(of_this_kind, SOON).await;
        let before = stage.server.requests().version;
        stage.server.await_requests(|now| now.version >= before + 2, SOON).await;
    }
    stage.server.clear_fault().await;
    stage.line(END).await;
    assert_eq!((stage.lines(BEGIN).len(), stage.lines(END).len()), (2, 1));
}

#[tokio::test]
async fn a_lost_wake_up_of_the_server_only_delays() {
    let grid = Duration::from_millis(300);
    let mut stage = Stage::prepared_with(3, |options| {
        options.lose_wake_ups = true;
        options.deadline_grid = grid;
    })
    .await
    .started()
    .await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.change(|world| world.web().replace(1)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_long_poll_that_is_answered_at_once_is_not_a_busy_loop() {
    let stage = Stage::with_scale(3).await;
    stage.server.fault(Fault::InstantVersion).await;
    let before = stage.server.requests();
    sleep(WATCH).await;
    let after = stage.server.requests();
    // Once a second, as POLL_SLEEP_TIME_MS says.
    assert!((1..=6).contains(&(after.version - before.version)), "{before:?} {after:?}");
    assert_eq!(after.documents, before.documents);
    assert_eq!(stage.lines(BEGIN).len(), 0);
}

#[tokio::test]
async fn a_version_that_is_never_the_same_is_not_a_busy_loop() {
    let mut stage = Stage::with_scale(3).await;
    let haproxy = stage.haproxy().await;
    stage.server.fault(Fault::RandomVersion).await;
    let before = stage.server.requests();
    sleep(WATCH).await;
    let after = stage.server.requests();
    // A burst at first, then ten a second.
    assert!((2..=60).contains(&(after.version - before.version)), "{before:?} {after:?}");
    assert_eq!(stage.haproxy().await, haproxy);
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.server.clear_fault().await;
    stage.change(|world| world.web().scale_to(5)).await;
    stage.settled().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_not_asked_in_a_busy_loop() {
    let stage = Stage::with_scale(3).await;
    stage.server.stop().await;
    stage.line(BEGIN).await;
    sleep(WATCH).await;
    stage.server.restart().await;
    // Pauses of 50 ms at least that double up to a second.
    let failures = stage.line(END).await["failures"].as_u64().expect("a number");
    assert!((2..=15).contains(&failures), "{failures} in {WATCH:?}");
}
