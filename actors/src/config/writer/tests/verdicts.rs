//! What HAProxy says of frames, when it is asked.

use super::*;

const NOT_ACCEPTED: &str = "configuration not accepted, the last good one stays";
const AGAIN: &str = "configuration is accepted again";

#[actix_rt::test]
async fn a_frame_is_checked_with_the_newest_routes_and_its_verdict_is_told() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[2])).await;
    writer.is_to_check().await;
    assert_eq!(writer.works(|disk| disk.checks.revisions()), [2]);
    assert_eq!(writer.told(), [(1, 2, Verdict::Unchecked), (1, 2, Verdict::Accepted)]);
    let said = &writer.log.saying("configuration accepted")[0];
    assert_eq!((said.field("revision"), said.field("ports"), said.field("excluded")), ("1", "2", "0"));
}

#[actix_rt::test]
async fn a_verdict_that_is_known_is_told_again_without_a_check() {
    let writer = Running::start();
    writer.is_to_check().await;
    writer.hears(plan(1, 2, &[1])).await;
    writer.is_to_check().await;
    writer.is_to_check().await;
    assert_eq!(writer.works(|disk| disk.checks.begun.len()), 1);
    assert_eq!(writer.told()[1..], [(1, 2, Verdict::Accepted), (1, 2, Verdict::Accepted)]);
}

#[actix_rt::test]
async fn a_rejected_frame_is_told_and_not_tried_again() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.works(|disk| disk.checks.fail_with([rejected()]));
    writer.is_to_check().await;
    writer.is_to_check().await;
    pass(ms(3_600_000)).await;
    assert_eq!(writer.works(|disk| disk.checks.begun.len()), 1);
    assert_eq!(writer.told()[1..], [(1, 2, Verdict::Rejected), (1, 2, Verdict::Rejected)]);
    let said = writer.log.saying(NOT_ACCEPTED);
    assert_eq!((said.len(), said[0].field("kind"), said[0].field("revision")), (1, "rejected", "1"));
    assert!(said[0].field("error").contains("unknown keyword 'x'"));
}

#[actix_rt::test]
async fn each_rejected_frame_has_its_own_reason_and_the_next_one_is_another_matter() {
    let writer = Running::start();
    writer.works(|disk| disk.checks.fail_with([rejected(), rejected()]));
    for pool_size in 1..=3 {
        writer.hears(plan(pool_size.into(), pool_size, &[1])).await;
        writer.is_to_check().await;
    }
    assert_eq!(writer.told().last(), Some(&(3, 3, Verdict::Accepted)));
    assert_eq!(writer.log.saying(NOT_ACCEPTED).len(), 2);
    assert_eq!(writer.log.saying(AGAIN).len(), 1);
}

#[actix_rt::test]
async fn one_check_is_in_flight_and_only_the_newest_frame_waits() {
    let writer = Running::start();
    writer.works(|disk| disk.checks.takes = ms(1_000));
    for pool_size in 1..=9 {
        writer.hears(plan(pool_size.into(), pool_size, &[])).await;
        writer.is_to_check().await;
    }
    pass(ms(5_000)).await;
    assert_eq!(writer.works(|disk| disk.checks.most_in_flight), 1);
    let accepted: Vec<_> = writer.told().into_iter().filter(|(_, _, v)| *v == Verdict::Accepted).collect();
    assert_eq!(accepted, [(1, 1, Verdict::Accepted), (9, 9, Verdict::Accepted)], "also what is outdated");
}

#[actix_rt::test]
async fn an_outdated_frame_that_is_rejected_is_nobodys_business() {
    let writer = Running::start();
    writer.works(|disk| {
        disk.checks.takes = ms(1_000);
        disk.checks.fail_with([rejected()]);
    });
    writer.hears(plan(1, 1, &[])).await;
    writer.is_to_check().await;
    writer.hears(plan(2, 2, &[])).await;
    pass(ms(5_000)).await;
    assert_eq!(writer.told(), [(1, 1, Verdict::Unchecked), (2, 2, Verdict::Unchecked)]);
}

#[actix_rt::test]
async fn haproxy_that_cannot_be_asked_is_tried_again_with_growing_pauses_and_said_twice() {
    let writer = Running::start();
    writer.works(|disk| disk.checks.fail_with((0..12).map(|_| cannot_be_run())));
    writer.hears(plan(1, 2, &[1])).await;
    writer.is_to_check().await;
    pass(ms(120_000)).await;
    assert_eq!(writer.told()[1..], [(1, 2, Verdict::Accepted)]);
    let begun = writer.works(|disk| disk.checks.begun.clone());
    assert_eq!(begun.len(), 13);
    let gaps: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let spans = (0..12).map(|n| ms(100 << n).min(MAX_RETRY));
    for (gap, span) in gaps.iter().zip(spans) {
        assert!(span / 2 <= *gap && *gap <= span + ms(2), "{gaps:?}");
    }
    let said = writer.log.saying(NOT_ACCEPTED);
    assert_eq!((said.len(), said[0].field("kind")), (1, "check"));
    assert_eq!(writer.log.saying(AGAIN).len(), 1);
}

#[actix_rt::test]
async fn requests_that_come_while_haproxy_cannot_be_asked_do_not_multiply_its_retries() {
    let writer = Running::start();
    writer.works(|disk| disk.checks.fail_with((0..1_000).map(|_| cannot_be_run())));
    for pool_size in 1..=20 {
        writer.hears(plan(pool_size.into(), pool_size, &[])).await;
        writer.is_to_check().await;
    }
    let before = writer.works(|disk| disk.checks.begun.len());
    pass(ms(60_000)).await;
    let retries = writer.works(|disk| disk.checks.begun.len()) - before;
    // One every 2.5 to 5 s once the ceiling is reached.
    assert!((12..=30).contains(&retries), "{retries}");
}

impl Running {
    async fn problem(&self) -> Option<String> {
        self.addr.send(ReportConfig).await.unwrap().problem
    }
}

#[actix_rt::test]
async fn what_speaks_against_the_newest_frame_is_reported_until_nothing_does() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    assert_eq!(writer.problem().await, None);
    writer.works(|disk| disk.checks.fail_with([rejected()]));
    writer.is_to_check().await;
    let problem = writer.problem().await.unwrap();
    assert!(
        problem.starts_with("the configuration is not accepted: HAProxy rejects it: unknown keyword"),
        "{problem}"
    );
    writer.hears(plan(2, 2, &[1, 2])).await;
    assert!(writer.problem().await.is_some(), "the routes are not to blame");
    writer.hears(plan(3, 5_000, &[1])).await;
    let problem = writer.problem().await.unwrap();
    assert!(problem.contains("cannot be rendered") && problem.contains("ulimit -n"), "{problem}");
    writer.hears(plan(4, 3, &[1])).await;
    assert_eq!(writer.problem().await, None);
}

#[actix_rt::test]
async fn a_rejection_ends_with_the_next_frame_that_haproxy_accepts_though_nobody_asks() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 3, &[1])).await;
    writer.works(|disk| disk.checks.fail_with([rejected()]));
    writer.is_to_check().await;
    assert_eq!((writer.log.saying(NOT_ACCEPTED).len(), writer.log.saying(AGAIN).len()), (1, 0));
    // The pool is again what it was, with which HAProxy still runs.
    writer.hears(plan(3, 2, &[1])).await;
    assert_eq!((writer.log.saying(NOT_ACCEPTED).len(), writer.log.saying(AGAIN).len()), (1, 1));
}

#[actix_rt::test]
async fn a_pool_that_cannot_be_rendered_is_said_once_and_its_end_too() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    for revision in 2..5 {
        writer.hears(plan(revision, 5_000, &[1])).await;
    }
    let said = |message| writer.log.saying(message).len();
    assert_eq!(said("configuration cannot be rendered, the last good one stays"), 1);
    assert_eq!(said("configuration can be rendered again"), 0);
    writer.hears(plan(5, 2, &[1])).await;
    assert_eq!(said("configuration can be rendered again"), 1);
    assert_eq!(writer.problem().await, None);
}
