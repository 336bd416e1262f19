//! The copy for people.

use super::*;

const OUTDATED: &str = "configuration file is outdated, it cannot be written";
const AGAIN: &str = "configuration file is up to date again";

#[actix_rt::test]
async fn the_copy_follows_within_a_second_and_changes_that_follow_each_other_are_written_together() {
    let writer = Running::start();
    for revision in 1..=9 {
        writer.hears(plan(revision, 2, &[revision as u8])).await;
    }
    pass(ms(900)).await;
    assert_eq!(writer.works(|disk| disk.writes.revisions()), [9]);
    let said = writer.log.saying("configuration written");
    assert_eq!((said.len(), said[0].field("mapped"), said[0].field("free")), (1, "1", "1"));
    writer.hears(plan(10, 2, &[1])).await;
    pass(ms(900)).await;
    assert_eq!(writer.works(|disk| disk.writes.revisions()), [9, 10]);
}

#[actix_rt::test]
async fn changes_that_never_pause_do_not_keep_the_copy_behind() {
    let writer = Running::start();
    for revision in 1..=300 {
        writer.hears(plan(revision, 2, &[revision as u8])).await;
        pass(ms(100)).await;
        let newest = writer.works(|disk| disk.writes.revisions().last().copied().unwrap_or(0));
        assert!(revision - newest < 10, "{newest} at {revision}");
    }
}

#[actix_rt::test]
async fn the_copy_is_of_a_frame_that_haproxy_has_not_rejected() {
    let writer = Running::start();
    writer.hears(plan(1, 2, &[1])).await;
    writer.works(|disk| disk.checks.fail_with([rejected()]));
    writer.hears(plan(2, 3, &[2])).await;
    writer.is_to_check().await;
    pass(ms(900)).await;
    let ports = writer
        .works(|disk| disk.writes.done.iter().map(|c| (c.revision, c.routes.len())).collect::<Vec<_>>());
    assert_eq!(ports, [(2, 2)]);
}

#[actix_rt::test]
async fn a_disk_that_refuses_is_tried_again_and_keeps_nothing_waiting() {
    let writer = Running::start();
    writer.works(|disk| disk.writes.fail_with((0..12).map(|_| disk_full())));
    writer.hears(plan(1, 2, &[1])).await;
    pass(ms(2_000)).await;
    writer.hears(plan(2, 3, &[1, 2])).await;
    writer.is_to_check().await;
    let told = [(1, 2, Verdict::Unchecked), (2, 3, Verdict::Unchecked), (2, 3, Verdict::Accepted)];
    assert_eq!(writer.told(), told);
    pass(ms(120_000)).await;
    assert_eq!(writer.works(|disk| disk.writes.revisions()), [2]);
    assert_eq!(writer.works(|disk| disk.writes.most_in_flight), 1);
    let begun = writer.works(|disk| disk.writes.begun.clone());
    let gaps: Vec<_> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let spans = (0..12).map(|n| ms(100 << n).min(MAX_RETRY));
    for (gap, span) in gaps.iter().zip(spans) {
        assert!(span / 2 <= *gap && *gap <= span + ms(2), "{gaps:?}");
    }
    let said = writer.log.saying(OUTDATED);
    assert_eq!((said.len(), said[0].field("kind")), (1, "io"));
    assert_eq!(writer.log.saying(AGAIN).len(), 1);
}
