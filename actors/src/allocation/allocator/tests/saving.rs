//! What the allocator saves, and what becomes of it at the next start.

use super::*;
use crate::{messages::Leave, state::SavedReservation, supervise};

const SHUTDOWN: Shutdown = Shutdown { haproxy: Leave::Serving };

/// The `web` of most tests after a start with `store`.
fn started_with(store: FakeStore) -> Running {
    Running::with(vec![mapping(&web(), 5000)], store)
}

// === the start ===

#[actix_rt::test]
async fn the_revision_grows_across_restarts() {
    let web = started_with(FakeStore::holding(saved()));
    web.hears(&[a()]).await;
    assert_eq!(web.told(), [told(42, &[(5000, "a")])]);
    assert_eq!(web.store.saved_revisions(), [42]);
}

#[actix_rt::test]
async fn without_metadata_the_saved_plan_serves_after_the_grace() {
    let web = started_with(FakeStore::holding(saved()));
    pass(METADATA_GRACE - ms(2)).await;
    assert_eq!(web.told(), []);
    pass(ms(4)).await;
    assert_eq!(web.told(), [told(42, &[(5000, "a")])]);
    assert_eq!(web.plans()[0].mappings[0].pool_size, 3);
    assert_eq!(web.log.troubles(), ["metadata unavailable, serving saved assignments"]);
    // The metadata comes back with the same: nothing to tell.
    web.hears_with(5000..5003, &[a()]).await;
    assert_eq!(web.told().len(), 1);
    web.hears(&[b()]).await;
    assert_eq!(web.told()[1..], [told(43, &[(5001, "b")])]);
}

#[actix_rt::test]
async fn a_snapshot_within_the_grace_makes_the_saved_plan_unnecessary() {
    let web = started_with(FakeStore::holding(saved()));
    pass(METADATA_GRACE / 2).await;
    web.hears(&[b()]).await;
    pass(METADATA_GRACE).await;
    assert_eq!(web.told(), [told(42, &[(5001, "b")])]);
    assert_eq!(web.log.troubles(), [] as [&str; 0]);
}

#[actix_rt::test]
async fn without_metadata_and_saved_assignments_there_is_no_plan() {
    let web = started_with(FakeStore::default());
    pass(ms(3_600_000)).await;
    assert_eq!(web.told(), []);
    web.hears(&[]).await;
    assert_eq!(web.told(), [told(1, &[])], "an empty service is a plan, though");
}

#[actix_rt::test]
async fn slots_and_reservations_outlive_a_restart() {
    let mut state = saved();
    let reservation = SavedReservation { uuid: "gone".into(), left_ms: 5_000 };
    state.mappings[0].reservations = [(1, reservation)].into();
    let three = Mapping { port_count: 3.try_into().ok(), ..mapping(&web(), 5000) };
    let web = Running::with(vec![three], FakeStore::holding(state));
    // `a` has no index now, and would come second by age.
    web.hears(&[container("y", 1, None), container("a", 2, None), container("z", 3, None)]).await;
    assert_eq!(web.told(), [told(42, &[(5000, "a"), (5002, "y")])]);
    pass(ms(5_000)).await;
    assert_eq!(web.told()[1..], [told(43, &[(5000, "a"), (5001, "z"), (5002, "y")])]);
}

#[actix_rt::test]
async fn a_corrupt_state_is_logged_and_the_start_is_a_fresh_one() {
    let store = FakeStore::holding(saved());
    store.0.borrow_mut().is_corrupt = true;
    let web = started_with(store);
    pass(METADATA_GRACE * 2).await;
    web.hears(&[b()]).await;
    assert_eq!(web.told(), [told(1, &[(5001, "b")])]);
    let lost = web.log.saying("saved assignments unusable, starting without them");
    assert_eq!((lost.len(), lost[0].field("kind")), (1, "unreadable"));
    assert!(lost[0].field("error").contains("set aside as state.json.unreadable"));
}

#[actix_rt::test]
async fn when_the_grace_is_over_the_known_mapping_does_not_wait_for_the_other() {
    let mappings = vec![mapping(&web(), 5000), mapping(&db(), 6000)];
    let both = Running::with(mappings, FakeStore::holding(saved()));
    both.hears_of(&db(), &[container("d", 1, Some(2))]).await;
    pass(METADATA_GRACE - SAVE_DELAY * 2 - ms(3)).await;
    assert_eq!(both.told(), []);
    pass(ms(4)).await;
    assert_eq!(both.told(), [told(42, &[(5000, "a"), (6001, "d")])]);
    both.hears_of(&web(), &[]).await;
    assert_eq!(both.told()[1..], [told(43, &[(6001, "d")])]);
}

#[actix_rt::test]
async fn after_the_grace_a_change_is_told_though_another_mapping_is_still_unknown() {
    let mappings = vec![mapping(&web(), 5000), mapping(&db(), 6000)];
    let both = Running::with(mappings, FakeStore::default());
    pass(METADATA_GRACE * 2).await;
    both.hears_of(&db(), &[container("d", 1, Some(2))]).await;
    assert_eq!(both.told(), [told(1, &[(6001, "d")])]);
}

// === saving ===

#[actix_rt::test]
async fn while_a_save_is_in_flight_only_the_newest_waits() {
    let web = Running::fresh();
    web.store.0.borrow_mut().save_takes = ms(1_000);
    for index in 1..=5 {
        web.hears(&[container("a", 1, Some(index))]).await;
    }
    assert_eq!(web.told().len(), 5, "a slow disk holds back no plan");
    assert_eq!(web.store.0.borrow().saves_begun, 1);
    pass(ms(3_000)).await;
    assert_eq!(web.store.saved_revisions(), [1, 5]);
    assert_eq!(web.store.0.borrow().saved[1].mappings[0].slots[&4].uuid, "a".into());
}

#[actix_rt::test]
async fn what_is_saved_is_the_assignments_and_what_is_left_of_the_reservations() {
    let web = Running::fresh();
    web.hears(&[container("a", 1, None), b()]).await;
    web.hears(&[b()]).await;
    pass(ms(20_000)).await;
    web.hears(&[b(), container("c", 3, Some(3))]).await;
    let disk = web.store.0.borrow();
    let saved = &disk.saved[2];
    assert_eq!(saved.revision, 3);
    let mapping = &saved.mappings[0];
    assert_eq!(
        (&*mapping.service.service, &mapping.backend_port, mapping.pool_size),
        ("web", &BACKEND_PORT.into(), 64)
    );
    assert_eq!(mapping.slots.keys().copied().collect::<Vec<_>>(), [1, 2]);
    let reservation = &mapping.reservations[&0];
    assert_eq!(reservation.uuid, "a");
    assert!((39_900..=40_000).contains(&reservation.left_ms), "{}", reservation.left_ms);
}

#[actix_rt::test]
async fn a_disk_that_refuses_is_said_once_and_again_when_it_takes() {
    let web = Running::fresh();
    web.store.0.borrow_mut().is_full = true;
    for index in 1..=5 {
        web.hears(&[container("a", 1, Some(index))]).await;
        pass(ms(1_000)).await;
    }
    let begun = web.log.saying("assignments cannot be saved, a restart would not know them");
    assert_eq!((begun.len(), begun[0].field("kind")), (1, "io"));
    assert_eq!(web.told().len(), 5, "a full disk holds back no plan");
    web.store.0.borrow_mut().is_full = false;
    for index in 6..=8 {
        web.hears(&[container("a", 1, Some(index))]).await;
    }
    let ended = web.log.saying("assignments are saved again");
    assert_eq!(ended.len(), 1);
    let lasted: u64 = ended[0].field("lasted_ms").parse().unwrap();
    assert!((5_000..5_100).contains(&lasted), "{lasted}");
    assert_eq!(web.store.saved_revisions(), [6, 7, 8]);
}

#[actix_rt::test]
async fn a_failed_save_is_tried_again_without_another_change() {
    let web = Running::fresh();
    web.store.0.borrow_mut().is_full = true;
    web.hears(&[a()]).await;
    web.store.0.borrow_mut().is_full = false;
    assert_eq!(web.store.saved_revisions(), [] as [u64; 0]);
    pass(SAVE_RETRY + ms(10)).await;
    assert_eq!(web.store.saved_revisions(), [1]);
    assert_eq!(web.log.saying("assignments are saved again").len(), 1);
    pass(SAVE_RETRY * 3).await;
    assert_eq!(web.store.saved_revisions(), [1]);
}

// === the end ===

#[actix_rt::test]
async fn a_shutdown_waits_for_the_save_in_flight_and_for_the_one_that_waits() {
    let mut web = Running::fresh();
    web.store.0.borrow_mut().save_takes = ms(1_000);
    web.hears(&[a()]).await;
    web.hears(&[b()]).await;
    web.addr.do_send(SHUTDOWN);
    assert_eq!(web.actors.first_end().await.1, supervise::End::Stopped);
    assert_eq!(web.store.saved_revisions(), [1, 2]);
}

#[actix_rt::test]
async fn a_shutdown_right_after_a_change_saves_it() {
    let mut web = Running::fresh();
    web.addr.do_send(service_changed(&super::web(), 0..0, &[a()]));
    web.addr.do_send(SHUTDOWN);
    assert_eq!(web.actors.first_end().await.1, supervise::End::Stopped);
    assert_eq!(web.store.saved_revisions(), [1]);
}

#[actix_rt::test]
async fn a_shutdown_with_nothing_to_save_is_immediate() {
    let mut web = Running::fresh();
    let asked = Instant::now();
    web.addr.do_send(SHUTDOWN);
    assert_eq!(web.actors.first_end().await.1, supervise::End::Stopped);
    assert_eq!(asked.elapsed(), ms(0));
}
