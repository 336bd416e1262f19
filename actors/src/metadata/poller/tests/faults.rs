//! What the poller makes of a server that is away, wrong or confused.

use super::*;
use crate::testing::web;

const ENDED: &str = "source fault ended";

#[actix_rt::test]
async fn retries_double_from_100_ms_to_the_ceiling_with_jitter() {
    let server = (0..12).fold(FakeServer::default(), |server, _| server.version_fault(unreachable()));
    let _web = Running::web(&server);
    pass(ms(120_000)).await;
    let gaps = server.gaps();
    assert_eq!(gaps.len(), 12);
    let spans = (0..12).map(|n| ms(100 << n).min(POLL_SLEEP));
    let shares: Vec<_> =
        gaps.iter().zip(spans).map(|(gap, span)| gap.as_secs_f64() / span.as_secs_f64()).collect();
    // Virtual time moves in whole milliseconds.
    assert!(shares.iter().all(|share| (0.5..=1.01).contains(share)), "{shares:?}");
    let (least, most) =
        (shares.iter().copied().fold(1.0, f64::min), shares.iter().copied().fold(0.5, f64::max));
    assert!(most - least > 0.2, "without jitter all hosts retry in step: {shares:?}");
}

#[actix_rt::test]
async fn a_fault_is_said_when_it_begins_and_when_it_ends() {
    let server = (0..9)
        .fold(FakeServer::default(), |server, _| server.version_fault(unreachable()))
        .versions(&[(0, "v1"), (0, "v1")])
        .document(WEB, [document("web", &["a"])]);
    let web = Running::web(&server);
    pass(ms(120_000)).await;
    let begun = web.log.saying(FAULT);
    assert_eq!((begun.len(), begun[0].field("kind")), (1, "unreachable"));
    assert!(begun[0].field("error").starts_with("/version: cannot be reached: "));
    let ended = web.log.saying(ENDED);
    assert_eq!((ended.len(), ended[0].field("failures")), (1, "9"));
    let lasted = web.changes.times(web.start)[0].as_millis().to_string();
    assert_eq!(ended[0].field("lasted_ms"), lasted);
}

#[actix_rt::test]
async fn each_further_kind_of_fault_is_said_once() {
    let server = FakeServer::default()
        .version_fault(unreachable())
        .version_fault(not_found("/version", "Invalid version"))
        .version_fault(unreachable())
        .version_fault(not_found("/version", "Invalid version"))
        .version_fault(MetadataFault::Status { path: "/version".into(), status: 500 });
    let web = Running::web(&server);
    pass(ms(60_000)).await;
    let kinds: Vec<_> = web.log.saying(FAULT).iter().map(|line| line.field("kind").to_owned()).collect();
    assert_eq!(kinds, ["unreachable", "not_found", "status"]);
    let faults = web.addr.send(ReportMetadata).await.unwrap().faults;
    let counted: Vec<_> = faults.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("not_found", 2), ("status", 1), ("unreachable", 2)]);
    assert_eq!(web.log.saying(ENDED).len(), 0);
}

#[actix_rt::test]
async fn a_new_fault_is_a_new_story() {
    let many = |server, _| FakeServer::version_fault(server, unreachable());
    let server = (0..6).fold(FakeServer::default(), many).versions(&[(0, "v1"), (6_000, "v1")]);
    let server = (0..2).fold(server, many).document(WEB, [document("web", &[])]);
    let web = Running::web(&server);
    pass(ms(60_000)).await;
    assert_eq!((web.log.saying(FAULT).len(), web.log.saying(ENDED).len()), (2, 1));
    // Six faults, v1, and the long poll from it; then the first pause is a short one again.
    let pause = server.gaps()[8];
    assert!(ms(50) <= pause && pause <= ms(101), "{pause:?}");
}

#[actix_rt::test]
async fn a_fault_of_a_document_makes_the_next_round_fetch_again() {
    let nonsense = json!({"code": 404, "message": "Not found", "type": "error"});
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2"), (0, "v2"), (0, "v2"), (0, "v2")])
        .document(WEB, [document("web", &["a"])])
        .document_fault(WEB, not_found(WEB, "Not found"))
        .document(WEB, [nonsense, document("web", &["b"])]);
    let web = Running::web(&server);
    pass(ms(4_000)).await;
    let known = [None, some("v1"), some("v2"), some("v2"), some("v2")];
    assert_eq!(server.known(), known, "the other services are waited for meanwhile");
    assert_eq!(web.told(), [told("web", &["a"]), told("web", &["b"])]);
    let kinds: Vec<_> = web.log.saying(FAULT).iter().map(|line| line.field("kind").to_owned()).collect();
    assert_eq!(kinds, ["not_found", "wrong_shape"]);
    assert_eq!(web.log.saying(ENDED).len(), 1);
}

#[actix_rt::test]
async fn the_end_of_a_fault_is_noticed_without_waiting_for_a_change() {
    let server = FakeServer::default()
        .versions(&[(0, "v1")])
        .version_fault(unreachable())
        .version_fault(unreachable())
        .versions(&[(0, "v1")])
        .document(WEB, [document("web", &["a"])]);
    let web = Running::web(&server);
    pass(ms(1_000)).await;
    assert_eq!(server.known(), [None, some("v1"), None, None, some("v1")]);
    assert_eq!(web.log.saying(ENDED).len(), 1);
}

#[actix_rt::test]
async fn a_server_that_fails_in_long_polls_alone_is_not_asked_in_a_busy_loop() {
    let server = (0..100).fold(FakeServer::default().versions(&[(0, "v1")]), |server, _| {
        server.version_fault(unreachable()).versions(&[(0, "v1")])
    });
    let _web = Running::web(&server.clone().document(WEB, [document("web", &["a"])]));
    pass(ms(60_000)).await;
    let asked = server.known().len();
    assert!((30..=60).contains(&asked), "{asked}");
}

#[actix_rt::test]
async fn no_fault_is_ever_told_as_a_change() {
    let nonsense =
        [json!({}), json!([]), json!(7), document("db", &[]), json!({"name": "web", "containers": 7})];
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (0, "v2"), (0, "v3"), (0, "v4"), (0, "v5"), (0, "v6"), (0, "v7")])
        .document(WEB, [document("web", &["a"])])
        .document(WEB, nonsense)
        .document_fault(WEB, MetadataFault::NotJson { path: WEB.into(), reason: "<html>".into() });
    let web = Running::web(&server);
    pass(ms(60_000)).await;
    assert!(server.fetched().len() >= 7, "each answer was read");
    assert_eq!(web.told(), [told("web", &["a"])]);
}

#[actix_rt::test]
async fn a_fault_of_one_service_does_not_hold_back_the_change_of_another() {
    const DB: &str = "/self/stack/services/db";
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (1_000, "v2"), (0, "v2"), (0, "v2"), (0, "v2")])
        .document(WEB, [document("web", &["a"]), document("web", &["b"])])
        .document(DB, [document("db", &["x"])])
        .document_fault(DB, not_found(DB, "Not found"))
        .document_fault(DB, not_found(DB, "Not found"))
        .document(DB, [document("db", &["y"])]);
    let both = Running::following(&["web", "db"], &server, false);
    pass(ms(4_000)).await;
    assert_eq!(
        both.told(),
        [told("db", &["x"]), told("web", &["a"]), told("web", &["b"]), told("db", &["y"])]
    );
    assert_about(&both.changes.times(both.start)[..3], &[0, 0, 1_000]);
}

// === asking once ===

#[tokio::test]
async fn asking_once_gives_the_snapshot_or_the_fault_of_each_service() {
    let server = FakeServer::default()
        .versions(&[(0, "v1"), (0, "v1")])
        .document(WEB, [document("web", &["a"])])
        .document(OWN_SERVICE_PATH, [json!({"ports": ["5000"]})]);
    let mut web_alone = Rancher::new(server.clone(), [web()].into(), true, Lines::default().logger());
    let snapshots = ask_once(&mut web_alone).await.unwrap().snapshots;
    assert_eq!(snapshots[&web()].containers[0].uuid, "a".into());
    assert_eq!(snapshots[&web()].published, PublishedPorts([5000..=5000].into_iter().collect()));
    let mut both = Rancher::new(server, [web(), service("db")].into(), false, Lines::default().logger());
    let answers = ask_once(&mut both).await.unwrap();
    assert_eq!(answers.snapshots.into_keys().collect::<Vec<_>>(), [web()]);
    let fault = not_found("/self/stack/services/db", "Not found").into();
    assert_eq!(answers.faults, [(service("db"), fault)].into());
}

// === several services ===

#[actix_rt::test]
async fn a_service_that_cannot_be_read_is_asked_for_again_while_the_change_of_another_is_waited_for() {
    const DB: &str = "/self/stack/services/db";
    let server = FakeServer::default()
        .versions(&[(0, "v1")])
        .document(WEB, [document("web", &["a"])])
        .document_fault(DB, not_found(DB, "Invalid version"));
    let both = Running::following(&["web", "db"], &server, false);
    pass(ms(30_000)).await;
    let waits: Vec<_> =
        server.0.borrow().asked.iter().skip(1).map(|(_, known, wait)| (known.clone(), *wait)).collect();
    assert!(waits.iter().all(|(known, _)| *known == some("v1")), "{waits:?}");
    assert!(waits.len() > 4 && waits.iter().all(|(_, wait)| *wait <= POLL_SLEEP), "{waits:?}");
    let (web_document, db_document) = (|path: &&String| *path == WEB, |path: &&String| *path == DB);
    let fetched = server.fetched();
    assert_eq!(fetched.iter().filter(web_document).count(), 1);
    assert!(fetched.iter().filter(db_document).count() > 4, "{fetched:?}");
    let report = both.addr.send(ReportMetadata).await.unwrap();
    assert_eq!((report.has_answered, report.fault), (true, None));
    assert_eq!(report.services.keys().collect::<Vec<_>>(), [&service("db")]);
    assert_eq!(both.log.saying(FAULT).len(), 1);
}
