//! Mass removals.

use super::*;

const HELD: &str = "mass removal held back";

#[actix_rt::test]
async fn a_scale_to_0_happens_after_the_hold() {
    let web = Running::holding(FakeStore::default());
    web.hears(&[a(), b()]).await;
    web.hears(&[]).await;
    let begun = web.start.elapsed();
    let held = web.log.saying(HELD);
    assert_eq!(held.len(), 1);
    let said = ["service", "ports", "mapped", "held_ms"].map(|key| held[0].field(key));
    assert_eq!(said, ["web", "2", "2", "15000"]);
    assert_eq!(held[0].level, slog::Level::Warning);
    assert_eq!(web.plans().last().unwrap().mappings[0].held, [0, 1].into());
    pass(ms(10_000)).await;
    let report = web.addr.send(ReportAllocation).await.unwrap();
    assert_eq!(report.held_ports, [5000, 5001].into());
    assert!(report.held_for.unwrap().abs_diff(ms(5_000)) <= ms(20), "{report:?}");
    web.hears(&[]).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5000, "a"), (5001, "b")]).1);
    pass(ms(10_000)).await;
    assert_eq!(web.told().last().unwrap().1, []);
    assert_eq!(web.addr.send(ReportAllocation).await.unwrap(), AllocationReport::default());
    let freed = web.plans.times(web.start).last().copied().unwrap() - begun;
    assert!(freed.abs_diff(ms(15_000)) <= ms(10), "{freed:?}");
    let ended = web.log.saying("held ports released, containers did not return");
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].field("freed"), "2");
    assert_eq!(web.log.saying(HELD).len(), 1, "it is said once");
}

#[actix_rt::test]
async fn containers_that_come_back_during_the_hold_have_never_been_away() {
    let web = Running::holding(FakeStore::default());
    web.hears(&[a(), b()]).await;
    web.hears(&[]).await;
    pass(ms(14_000)).await;
    web.hears(&[a(), b()]).await;
    pass(ms(60_000)).await;
    assert!(web.told().iter().all(|(_, slots)| slots.len() == 2), "{:?}", web.told());
    assert_eq!(web.log.saying("slot freed").len(), 0);
    assert_eq!(web.log.saying("mass removal over, all containers returned").len(), 1);
}

#[actix_rt::test]
async fn a_container_that_comes_while_others_are_held_is_mapped_at_once() {
    let web = Running::holding(FakeStore::default());
    web.hears(&[a(), b()]).await;
    web.hears(&[container("c", 3, Some(3))]).await;
    let all = told(0, &[(5000, "a"), (5001, "b"), (5002, "c")]).1;
    assert_eq!(web.told().last().unwrap().1, all);
}

#[actix_rt::test]
async fn what_is_merely_saved_is_not_held() {
    let web = Running::holding(FakeStore::holding(saved()));
    web.hears(&[]).await;
    assert_eq!(web.told().last().unwrap().1, []);
    assert_eq!(web.log.saying(HELD).len(), 0);
}

#[actix_rt::test]
async fn saved_assignments_that_serve_are_held() {
    let web = Running::holding(FakeStore::holding(saved()));
    pass(ms(1_000)).await;
    web.hears(&[]).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5000, "a")]).1);
    assert_eq!(web.log.saying(HELD).len(), 1);
}
