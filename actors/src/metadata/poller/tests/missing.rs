//! Rule 7: a service that the server does not know, while it answers all else.

use super::*;

const REST: &str = "/self/stack/name";
const GONE: &str = "service not found, it counts as one without containers";
const FOUND: &str = "service found again";
const ENDED: &str = "source fault ended";
const SECOND: u64 = 1_000;

/// A server whose version never changes after `v1`; each long poll is held for its whole time.
fn steady(server: FakeServer) -> FakeServer {
    let polls = [(0, "v1")].into_iter().chain(std::iter::repeat_n((5 * SECOND, "v1"), 60));
    server.versions(&polls.collect::<Vec<_>>())
}

fn not_found_times(server: FakeServer, times: usize) -> FakeServer {
    (0..times).fold(server, |server, _| server.document_fault(WEB, not_found(WEB, "Not found")))
}

fn rest(server: FakeServer) -> FakeServer {
    server.document(REST, [json!("app")])
}

#[actix_rt::test]
async fn a_service_that_is_not_found_for_a_minute_while_the_rest_answers_has_no_containers() {
    let server = rest(FakeServer::default().versions(&[(0, "v0"), (SECOND, "v1")]));
    let server = server.document(WEB, [document("web", &["a"])]).versions(&[(5 * SECOND, "v1"); 60]);
    let server = not_found_times(server, 1);
    let web = Running::web(&server);
    pass(ms(60 * SECOND)).await;
    assert_eq!(web.told(), [told("web", &["a"])], "a minute is not over");
    pass(ms(10 * SECOND)).await;
    assert_eq!(web.told(), [told("web", &["a"]), told("web", &[])]);
    let gone = web.changes.times(web.start)[1];
    assert!((ms(61 * SECOND)..ms(62 * SECOND)).contains(&gone), "{gone:?}");
    assert_eq!(web.log.saying(FAULT).len(), 1);
    assert_eq!((web.log.saying(ENDED).len(), web.log.saying(GONE).len()), (1, 1));
    assert_eq!(web.log.saying(GONE)[0].field("service"), "web");
    pass(ms(100 * SECOND)).await;
    assert_eq!((web.told().len(), web.log.troubles().len()), (2, 2), "it is said once");
}

#[actix_rt::test]
async fn meanwhile_the_poller_waits_for_changes_in_long_polls() {
    let server = rest(not_found_times(steady(FakeServer::default()), 1));
    let _web = Running::web(&server);
    pass(ms(100 * SECOND)).await;
    assert_eq!(server.known().iter().filter(|known| known.is_none()).count(), 1);
    let is_long = |gap: &Duration| (ms(5 * SECOND)..ms(5 * SECOND + 10)).contains(gap);
    assert!(server.gaps()[1..].iter().all(is_long), "{:?}", server.gaps());
}

#[actix_rt::test]
async fn one_that_is_found_within_the_minute_is_as_it_was_and_the_next_minute_is_a_whole_one() {
    let server = rest(steady(FakeServer::default()));
    let server = not_found_times(server, 10).document(WEB, [document("web", &["a"])]);
    let web = Running::web(&server);
    pass(ms(300 * SECOND)).await;
    assert_eq!(web.told(), [told("web", &["a"])]);
    assert_eq!((web.log.saying(GONE).len(), web.log.saying(ENDED).len()), (0, 1));
}

#[actix_rt::test]
async fn one_that_is_found_after_the_minute_is_told_though_no_version_says_so() {
    let server = rest(steady(FakeServer::default()));
    let server = not_found_times(server, 20).document(WEB, [document("web", &["a"])]);
    let web = Running::web(&server);
    pass(ms(300 * SECOND)).await;
    assert_eq!(web.told(), [told("web", &[]), told("web", &["a"])]);
    assert_eq!((web.log.saying(GONE).len(), web.log.saying(FOUND).len()), (1, 1));
}

#[actix_rt::test]
async fn a_server_that_answers_nothing_else_has_lost_its_data_and_removes_nothing() {
    for message in ["Not found", "Invalid version"] {
        let server = (0..200).fold(FakeServer::default(), |server, _| server.versions(&[(0, "v1")]));
        let server = server
            .document_fault(WEB, not_found(WEB, message))
            .document_fault(REST, not_found(REST, message));
        let web = Running::web(&server);
        pass(ms(600 * SECOND)).await;
        assert_eq!((web.told(), web.log.saying(GONE).len()), (vec![], 0), "{message}");
        tokio::time::resume();
    }
}

#[actix_rt::test]
async fn before_its_first_data_the_server_knows_no_service_and_that_says_nothing() {
    let server = rest(steady(FakeServer::default())).document_fault(WEB, not_found(WEB, "Invalid version"));
    let web = Running::web(&server);
    pass(ms(300 * SECOND)).await;
    assert_eq!(web.told(), []);
}

#[actix_rt::test]
async fn a_fault_in_between_begins_the_minute_anew() {
    let server = rest(not_found_times(FakeServer::default(), 1)).versions(&[(0, "v1")]);
    let server = server.versions(&[(5 * SECOND, "v1"); 8]).version_fault(unreachable());
    let server = server.versions(&[(0, "v1")]).versions(&[(5 * SECOND, "v1"); 30]);
    let web = Running::web(&server);
    pass(ms(95 * SECOND)).await;
    assert_eq!(web.told(), []);
    pass(ms(20 * SECOND)).await;
    assert_eq!(web.told(), [told("web", &[])]);
}

#[actix_rt::test]
async fn one_service_that_is_not_found_keeps_no_other_from_being_followed() {
    const DB: &str = "/self/stack/services/db";
    let server = rest(FakeServer::default().versions(&[(0, "v1"), (SECOND, "v2"), (SECOND, "v3")]));
    let server = server
        .document(DB, [document("db", &["x"]), document("db", &["y"]), document("db", &["z"])])
        .document_fault(WEB, not_found(WEB, "Not found"));
    let both = Running::following(&["web", "db"], &server, false);
    pass(ms(10 * SECOND)).await;
    assert_eq!(both.told(), [told("db", &["x"]), told("db", &["y"]), told("db", &["z"])]);
    assert_about(&both.changes.times(both.start), &[0, SECOND, 2 * SECOND]);
}
