//! The metadata service is away, slow or wrong for a while, and no client on any port notices.

mod no_fault;

use serde_json::Value;
use stalls_lab::{
    metadata::{Fault, Saved, Scope},
    stalls::messages::{FAULT_BEGINS, FAULT_ENDS},
};

use crate::harness::{Bystanders, SOON, Stage};

/// How many containers there are at first.
const SCALE: usize = 5;

/// How many ports the pool has.
const POOL: u16 = 8;

/// At least so many requests for the version are made while a fault lasts.
const REQUESTS: u64 = 4;

/// At most so many requests for the version are made until a fault that has ended is said to have: one that was
/// under way may fail and be repeated on another connection, the next one succeeds, and then there is a long poll.
const LAST_REQUESTS: u64 = 4;

/// More than the 32 MiB that an answer may have.
const FIFTY_MEGABYTES: usize = 50_000_000;

/// A stage whose stalls process waits for 100 ms at most before it asks again.
async fn prepared() -> Stage {
    Stage::prepared(SCALE).await.with_pool(POOL).env("POLL_SLEEP_TIME_MS", 100)
}

async fn started() -> Stage {
    prepared().await.started().await
}

/// One container more, one replaced and one gone. The processes of the old ones run on and can be reached.
async fn change_all_kinds(stage: &mut Stage) {
    let change = stage.change_lingering(|world| {
        let mut web = world.web();
        web.scale_to(SCALE + 1);
        web.replace(2);
        web.remove(3);
    });
    change.await;
}

/// The server's data before such a change and after it.
async fn before_and_after_a_change(stage: &mut Stage) -> (Saved, Saved) {
    let older = stage.server.saved();
    change_all_kinds(stage).await;
    stage.applied().await;
    (older, stage.server.saved())
}

/// Mends the server: the first good answer ends the fault, and what has changed meanwhile comes with it. Returns
/// how many rounds have failed.
async fn mended(stage: &mut Stage, bystanders: &mut Bystanders) -> u64 {
    let (mark, asked) = (stage.stalls().log_mark(), stage.server.requests().version);
    bystanders.let_follow(stage);
    stage.server.clear_fault().await;
    let end = stage.line_after(mark, FAULT_ENDS).await;
    let asked = stage.server.requests().version - asked;
    assert!(asked <= LAST_REQUESTS, "{asked} requests until this: {end}");
    assert!(end["lasted_ms"].is_u64(), "{end}");
    bystanders.follow(stage).await;
    stage.containers_follow().await;
    end["failures"].as_u64().expect("a number")
}

/// The kinds of the faults logged since this mark; nothing else was logged above info.
fn said(stage: &Stage, mark: usize) -> Vec<String> {
    let lines = stage.stalls().log_lines().split_off(mark);
    let above_info = lines.iter().filter(|line| !["debug", "info"].contains(&text(line, "level")));
    above_info
        .map(|line| {
            assert!(line["msg"] == FAULT_BEGINS && line["level"] == "warning", "{line}");
            text(line, "kind").to_owned()
        })
        .collect()
}

fn text<'line>(line: &'line Value, field: &str) -> &'line str {
    line[field].as_str().unwrap_or_default()
}

/// A fault that begins before a change and ends after it.
///
/// No port changes while it lasts, the change comes with its end, and clients of other ports do not notice that
/// either. The log has its begin and its end, once each. Returns how many rounds have failed.
async fn survives_a_fault(stage: &mut Stage, scope: Scope, fault: Fault, kind: &str) -> u64 {
    let haproxy = stage.haproxy().await;
    let mut bystanders = Bystanders::begin(stage).await;
    let asked = stage.server.requests().version;
    // Requests that hang take seconds, and refused connections cannot be counted.
    let requests = if matches!(fault, Fault::Refuse | Fault::Hang | Fault::Stall) { 0 } else { REQUESTS };
    stage.server.fault_only(scope, fault).await;
    change_all_kinds(stage).await;
    assert_eq!(stage.line(FAULT_BEGINS).await["kind"], kind);
    stage.server.await_requests(|now| now.version >= asked + requests, SOON).await;
    bystanders.notice_nothing().await;
    assert_eq!(stage.steps(), ["start"], "a fault led to a plan");

    let failures = mended(stage, &mut bystanders).await;
    bystanders.end().await;
    assert_eq!(stage.steps(), ["start", "runtime"]);
    assert_eq!(stage.haproxy().await, haproxy);
    assert_eq!((said(stage, 0), stage.lines(FAULT_ENDS).len()), (vec![kind.to_owned()], 1));
    failures
}

macro_rules! survived {
    ($attribute:meta; $($name:ident: $scope:ident, $fault:expr => $kind:literal;)*) => {$(
        #[tokio::test]
        #[$attribute]
        async fn $name() {
            let failures = survives_a_fault(&mut started().await, Scope::$scope, $fault, $kind).await;
            assert!(failures > 0);
        }
    )*};
}

survived! {
    doc = "Each kind once, in one scope or another.";
    refused_connections: Everything, Fault::Refuse => "unreachable";
    not_found_for_the_service: Documents, Fault::NotFound => "not_found";
    an_internal_error_for_the_version: Version, Fault::InternalError => "status";
    a_web_page_everywhere: Everything, Fault::Html => "not_json";
    a_truncated_answer_for_the_service: Documents, Fault::Truncated => "unreachable";
    fifty_megabytes_for_the_service: Documents, Fault::Huge(FIFTY_MEGABYTES) => "too_large";
    wrong_types_for_the_service: Documents, Fault::WrongTypes => "wrong_shape";
}

survived! {
    ignore = "one of its kind is enough before a commit, make check has them all";
    closed_connections: Everything, Fault::Close => "unreachable";
    aborted_connections: Everything, Fault::Abort => "unreachable";
    connections_aborted_for_the_service: Documents, Fault::Abort => "unreachable";
    not_found_everywhere: Everything, Fault::NotFound => "not_found";
    no_data_everywhere: Everything, Fault::InvalidVersion => "not_found";
    an_internal_error_everywhere: Everything, Fault::InternalError => "status";
    an_internal_error_for_the_service: Documents, Fault::InternalError => "status";
    a_web_page_for_the_service: Documents, Fault::Html => "not_json";
    broken_json_everywhere: Everything, Fault::BadJson => "not_json";
    broken_json_for_the_service: Documents, Fault::BadJson => "not_json";
    bytes_that_are_no_text_everywhere: Everything, Fault::Body(all_bytes()) => "not_json";
    bytes_that_are_no_text_for_the_service: Documents, Fault::Body(all_bytes()) => "not_json";
    bytes_that_are_not_http_everywhere: Everything, Fault::Raw(all_bytes()) => "unreachable";
    bytes_that_are_not_http_for_the_service: Documents, Fault::Raw(all_bytes()) => "unreachable";
    a_length_that_is_no_number: Everything,
        Fault::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}".into()) => "unreachable";
    a_truncated_answer_everywhere: Everything, Fault::Truncated => "unreachable";
    a_truncated_chunk_everywhere: Everything, Fault::TruncatedChunk => "not_json";
    a_truncated_chunk_for_the_service: Documents, Fault::TruncatedChunk => "not_json";
    an_answer_that_is_reset_everywhere: Everything, Fault::Reset => "unreachable";
    an_answer_that_is_reset_for_the_service: Documents, Fault::Reset => "unreachable";
    an_empty_answer_everywhere: Everything, Fault::EmptyBody => "not_json";
    an_empty_answer_for_the_service: Documents, Fault::EmptyBody => "not_json";
    fifty_megabytes_for_the_version: Version, Fault::Huge(FIFTY_MEGABYTES) => "too_large";
    wrong_types_everywhere: Everything, Fault::WrongTypes => "wrong_shape";
    null_everywhere: Everything, Fault::Body("null".into()) => "wrong_shape";
    a_list_for_the_service: Documents, Fault::Body("[]".into()) => "wrong_shape";
    an_empty_object_for_the_service: Documents, Fault::Body("{}".into()) => "wrong_shape";
    another_services_document: Documents, Fault::Body(r#"{"name": "db", "containers": null}"#.into()) => "wrong_shape";
    containers_that_are_a_number: Documents, Fault::Body(r#"{"name": "web", "containers": 0}"#.into()) => "wrong_shape";
    containers_that_are_an_object: Documents, Fault::Body(r#"{"name": "web", "containers": {}}"#.into()) => "wrong_shape";
    containers_that_are_names: Documents, Fault::Body(
        r#"{"name": "web", "containers": ["app-web-1", "app-web-2"]}"#.into()) => "wrong_shape";
    containers_one_of_which_is_null: Documents, Fault::Body(
        r#"{"name": "web", "containers": [{"uuid": "u", "primary_ip": "127.0.0.1"}, null]}"#.into()) => "wrong_shape";
    the_error_document_with_status_200: Documents, Fault::Body(
        r#"{"code": 404, "message": "Not found", "type": "error"}"#.into()) => "wrong_shape";
}

fn all_bytes() -> Vec<u8> {
    (0..=u8::MAX).collect()
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed() {
    let elsewhere = Stage::prepared(9).await;
    let url = format!("{}/self/stack/services/web", elsewhere.server.base_url());
    survives_a_fault(&mut started().await, Scope::Documents, Fault::Redirect(url), "status").await;
    assert_eq!(elsewhere.server.requests().documents, 0);
}

#[tokio::test]
async fn a_redirect_to_itself_is_asked_for_once_in_each_round() {
    let mut stage = started().await;
    let url = format!("{}/self/stack/services/web", stage.server.base_url());
    let asked = stage.server.requests().documents;
    let failures = survives_a_fault(&mut stage, Scope::Documents, Fault::Redirect(url), "status").await;
    assert_eq!(stage.server.requests().documents - asked, failures + 1);
}

#[tokio::test]
async fn a_redirect_in_a_loop_is_not_followed() {
    let (mut stage, other) = (started().await, Stage::prepared(9).await);
    let (there, back) = (other.server.url("2015-12-19/version"), stage.server.url("2015-12-19/version"));
    other.server.fault(Fault::Redirect(back)).await;
    survives_a_fault(&mut stage, Scope::Everything, Fault::Redirect(there), "status").await;
    assert_eq!(other.server.requests().version, 0);
}

#[tokio::test]
async fn a_server_that_starts_again_is_a_fault_until_it_has_data() {
    let mut stage = started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    for round in 1..=2 {
        let mark = stage.stalls().log_mark();
        stage.server.fault(Fault::Refuse).await;
        stage.line_after(mark, FAULT_BEGINS).await;
        stage.change_lingering(|world| drop(world.web().replace(round))).await;
        stage.server.fault(Fault::InvalidVersion).await;
        let no_data = |line: &Value| line["kind"] == "not_found";
        stage.stalls().await_log_from(mark, no_data, SOON).await;
        bystanders.notice_nothing().await;
        mended(&mut stage, &mut bystanders).await;
        assert_eq!(said(&stage, mark), ["unreachable", "not_found"]);
        assert_eq!(stage.lines(FAULT_ENDS).len(), usize::try_from(round).unwrap());
    }
    bystanders.end().await;
    assert_eq!(stage.steps(), ["start", "runtime", "runtime"]);
}

#[tokio::test]
async fn a_server_that_starts_again_with_older_data_is_followed() {
    let mut stage = started().await;
    let (older, newer) = before_and_after_a_change(&mut stage).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    stage.server.fault(Fault::Refuse).await;
    stage.line(FAULT_BEGINS).await;
    bystanders.notice_nothing().await;
    stage.server.restore(&older);
    bystanders.let_follow(&stage);
    stage.server.clear_fault().await;
    bystanders.follow(&stage).await;
    stage.server.restore(&newer);
    bystanders.follow(&stage).await;
    bystanders.end().await;
    stage.assert_no_reload();
    assert_eq!((said(&stage, 0), stage.lines(FAULT_ENDS).len()), (vec!["unreachable".to_owned()], 1));
}

#[tokio::test]
async fn no_timer_takes_a_port_away_while_a_fault_lasts() {
    let stage = prepared().await.env("RECONCILE_INTERVAL_MS", 1000).env("PORT_REUSE_DELAY_MS", 100);
    let mut stage = stage.started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let asked = stage.server.requests().version;
    stage.server.fault(Fault::NotFound).await;
    stage.change_lingering(|world| world.web().scale_to(1)).await;
    // After pauses of 50 ms and more stalls has compared HAProxy twice.
    stage.server.await_requests(|now| now.version >= asked + 45, SOON).await;
    bystanders.notice_nothing().await;
    assert_eq!((stage.steps(), said(&stage, 0)), (vec!["start".to_owned()], vec!["not_found".to_owned()]));
    mended(&mut stage, &mut bystanders).await;
    assert_eq!(stage.lines(FAULT_ENDS).len(), 1);
}

// === What takes long ===

#[tokio::test]
#[ignore = "one of its kind is enough before a commit, make check has them all"]
async fn an_answer_that_never_comes() {
    survives_a_fault(&mut started().await, Scope::Documents, Fault::Hang, "timed_out").await;
}

#[tokio::test]
async fn an_answer_that_stalls() {
    survives_a_fault(&mut started().await, Scope::Documents, Fault::Stall, "timed_out").await;
}

#[tokio::test]
#[ignore = "one of its kind is enough before a commit, make check has them all"]
async fn an_answer_that_stalls_for_the_version() {
    survives_a_fault(&mut started().await, Scope::Version, Fault::Stall, "timed_out").await;
}

#[tokio::test]
async fn an_answer_that_drips_until_the_server_is_gone() {
    let mut stage = started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let asked = stage.server.requests().documents;
    stage.server.fault_only(Scope::Documents, Fault::Drip).await;
    change_all_kinds(&mut stage).await;
    stage.server.await_requests(|now| now.documents > asked, SOON).await;
    stage.server.stop().await;
    stage.line(FAULT_BEGINS).await;
    bystanders.notice_nothing().await;
    mended(&mut stage, &mut bystanders).await;
    bystanders.end().await;
    assert_eq!((said(&stage, 0), stage.lines(FAULT_ENDS).len()), (vec!["unreachable".to_owned()], 1));
}
