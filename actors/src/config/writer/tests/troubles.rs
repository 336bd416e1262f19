//! What the writer makes of a configuration that cannot be had.

use super::*;

const NOT_WRITTEN: &str = "configuration not written, the last good one stays";
const AGAIN: &str = "configuration is up to date again";

// === HAProxy rejects it ===

#[actix_rt::test]
async fn a_rejected_configuration_leaves_the_last_good_one_and_is_not_tried_again() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.store.fails_with([rejected()]);
    writer.hears(plan(2, 2, &[2])).await;
    pass(ms(3_600_000)).await;
    assert_eq!(writer.store.writes_begun(), 2);
    assert_eq!(writer.told(), [told(1, 1, &["1"]), told(1, 2, &["1"])]);
    let said = writer.log.saying(NOT_WRITTEN);
    assert_eq!((said.len(), said[0].field("kind"), said[0].field("revision")), (1, "rejected", "2"));
    assert!(said[0].field("error").contains("unknown keyword 'x'"));
}

#[actix_rt::test]
async fn a_rejected_configuration_does_not_block_the_next_plan() {
    let writer = Running::start();
    writer.store.fails_with([rejected(), rejected()]);
    writer.hears(plan(1, 2, &[1])).await;
    assert_eq!(writer.told(), [], "there is no good one yet");
    writer.hears(plan(2, 2, &[2])).await;
    writer.hears(plan(3, 2, &[3])).await;
    assert_eq!(writer.told(), [told(3, 3, &["3"])]);
    assert_eq!(writer.log.saying(NOT_WRITTEN).len(), 2, "each has its own reason");
    assert_eq!(writer.log.saying(AGAIN).len(), 1);
}

#[actix_rt::test]
async fn a_plan_that_came_while_another_was_rejected_is_written() {
    let writer = Running::start();
    writer.store.takes(ms(1_000));
    writer.store.fails_with([rejected()]);
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[2])).await;
    pass(ms(3_000)).await;
    assert_eq!(writer.told(), [told(2, 2, &["2"])]);
}

#[actix_rt::test]
async fn a_plan_like_the_last_good_one_needs_no_write_after_a_rejected_one() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.store.fails_with([rejected()]);
    writer.hears(plan(2, 2, &[2])).await;
    writer.hears(plan(3, 2, &[1])).await;
    assert_eq!(writer.told()[1..], [told(1, 2, &["1"]), told(3, 3, &["1"])]);
    assert_eq!(writer.store.writes_begun(), 2);
    assert_eq!(writer.log.saying(AGAIN).len(), 1);
}

// === the disk refuses ===

#[actix_rt::test]
async fn after_a_trouble_of_the_disk_even_the_last_good_text_is_written_again() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    // It may have failed after the new file was in its place.
    writer.store.fails_with([disk_full()]);
    writer.hears(plan(2, 2, &[2])).await;
    writer.hears(plan(3, 2, &[1])).await;
    assert_eq!(writer.store.written(), [["1"], ["1"]]);
    assert_eq!(writer.told().last(), Some(&told(3, 3, &["1"])));
}

#[actix_rt::test]
async fn a_disk_that_refuses_is_tried_again_with_growing_pauses_and_said_twice() {
    let writer = Running::start();
    writer.store.fails_with((0..12).map(|_| disk_full()));
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(120_000)).await;
    assert_eq!(writer.told(), [told(1, 1, &["1"])]);
    let begun = writer.store.0.borrow().begun.clone();
    assert_eq!(begun.len(), 13);
    let gaps: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let spans = (0..12).map(|n| ms(100 << n).min(LONGEST_RETRY));
    for (gap, span) in gaps.iter().zip(spans) {
        assert!(span / 2 <= *gap && *gap <= span + ms(2), "{gaps:?}");
    }
    let said = writer.log.saying(NOT_WRITTEN);
    assert_eq!((said.len(), said[0].field("kind")), (1, "io"));
    let again = writer.log.saying(AGAIN);
    assert_eq!(again.len(), 1);
    let lasted = (writer.told.times(writer.start)[0]).as_millis().to_string();
    assert_eq!(again[0].field("lasted_ms"), lasted);
}

#[actix_rt::test]
async fn after_a_good_write_the_pauses_are_short_again() {
    let writer = Running::start();
    writer.store.fails_with((0..6).map(|_| disk_full()));
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(60_000)).await;
    writer.store.fails_with([disk_full()]);
    writer.hears(plan(2, 2, &[2])).await;
    let failed = *writer.store.0.borrow().begun.last().unwrap();
    pass(ms(60_000)).await;
    let pause = *writer.store.0.borrow().begun.last().unwrap() - failed;
    assert!(ms(50) <= pause && pause <= ms(102), "{pause:?}");
}

#[actix_rt::test]
async fn while_the_disk_refuses_the_last_good_configuration_is_told() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.store.fails_with([disk_full()]);
    writer.hears(plan(2, 2, &[2])).await;
    assert_eq!(writer.told()[1..], [told(1, 2, &["1"])]);
    pass(ms(1_000)).await;
    assert_eq!(writer.told()[2..], [told(2, 2, &["2"])]);
}

#[actix_rt::test]
async fn a_retry_writes_the_newest_plan() {
    let writer = Running::start();
    writer.store.fails_with([disk_full(), disk_full()]);
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2, &[2])).await;
    pass(ms(1_000)).await;
    assert_eq!(writer.store.written(), [["2"]]);
    assert_eq!(writer.told(), [told(2, 2, &["2"])]);
}

#[actix_rt::test]
async fn plans_that_come_during_a_trouble_do_not_multiply_its_retries() {
    let writer = Running::start();
    writer.store.fails_with((0..1_000).map(|_| disk_full()));
    for revision in 1..=20 {
        writer.hears(plan(revision, 2, &[revision as u8])).await;
    }
    let before = writer.store.writes_begun();
    pass(ms(60_000)).await;
    let retries = writer.store.writes_begun() - before;
    // One every 2.5 to 5 s once the ceiling is reached.
    assert!((12..=30).contains(&retries), "{retries}");
}

#[actix_rt::test]
async fn haproxy_that_cannot_be_asked_is_tried_again() {
    let writer = Running::start();
    let source = io::ErrorKind::NotFound.into();
    writer.store.fails_with([WriteError::Check { haproxy: "/usr/sbin/haproxy".into(), source }]);
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(1_000)).await;
    assert_eq!(writer.told(), [told(1, 1, &["1"])]);
    assert_eq!(writer.log.saying(NOT_WRITTEN)[0].field("kind"), "check");
}

// === too few descriptors ===

#[actix_rt::test]
async fn a_pool_too_large_for_the_descriptors_leaves_the_last_good_configuration() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.hears(plan(2, 2_000, &[1, 2])).await;
    assert_eq!(writer.told()[1..], [told(1, 2, &["1"])]);
    let said = writer.log.saying("configuration cannot be rendered, the last good one stays");
    assert_eq!((said.len(), said[0].field("revision")), (1, "2"));
    assert!(said[0].field("error").contains("raise it (ulimit -n) to 2165 or more"), "{said:?}");
    writer.hears(plan(3, 3, &[1, 2, 3])).await;
    assert_eq!(writer.told()[2..], [told(3, 3, &["1", "2", "3"])]);
    assert_eq!(writer.store.writes_begun(), 2);
}
