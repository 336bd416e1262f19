//! What the allocator records, and that nothing of it holds a plan back.

use super::*;
use crate::{
    messages::Leave,
    recording::{RecordDir, Replay, replay},
    supervise,
};

/// An allocator that records in this folder.
fn recording(folder: &std::path::Path) -> Running {
    tokio::time::pause();
    let (log, probe, store) = (Lines::default(), FakeConnect::default(), FakeStore::holding(saved()));
    let (plans, receiver) = Received::start();
    let (settings, dir) = (settings(vec![mapping(&web(), 5000)]), RecordDir::new(folder.to_owned()));
    let allocator =
        PortAllocator::new(settings, store.clone(), Some(dir), probe.clone(), vec![receiver], log.logger());
    let (addr, actors) = run(allocator);
    Running { addr, actors, plans, store, probe, log, start: Instant::now() }
}

/// The revisions that a replay comes to; it must come to those that were recorded.
fn replayed(folder: &std::path::Path) -> Vec<u64> {
    let mut revisions = Vec::new();
    replay(folder, |told| match told {
        Replay::Moment(moment) => revisions.extend(moment.revision),
        Replay::Difference(difference) => panic!("{difference:?}"),
        Replay::Segment { .. } | Replay::Torn { .. } => {}
    })
    .unwrap();
    revisions
}

#[actix_rt::test]
async fn a_shutdown_waits_for_what_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut web = recording(folder.path());
    pass(METADATA_GRACE * 2).await;
    let old = container("a", 1, Some(1));
    web.hears(std::slice::from_ref(&old)).await;
    // A successor that is probed, and time that passes.
    web.hears(&[old, container("b", 2, Some(1))]).await;
    pass(ms(1_000)).await;
    web.hears(&[b()]).await;
    web.addr.do_send(Shutdown { haproxy: Leave::Serving });
    assert_eq!(web.actors.first_end().await.1, supervise::End::Stopped);
    let told: Vec<_> = web.told().into_iter().map(|(revision, _)| revision).collect();
    assert_eq!(replayed(folder.path()), told);
    assert_eq!(web.log.troubles(), ["metadata unavailable, serving saved assignments"]);
}

#[actix_rt::test]
async fn a_folder_that_is_missing_is_said_once_and_holds_no_plan_back() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recorded");
    let web = recording(&folder);
    for index in 1..=5 {
        web.hears(&[container("a", 1, Some(index))]).await;
        pass(ms(6_000)).await;
    }
    assert_eq!(web.told().len(), 5);
    assert_eq!(web.log.saying("decisions cannot be recorded").len(), 1);
    std::fs::create_dir(&folder).unwrap();
    for index in 6..=8 {
        web.hears(&[container("a", 1, Some(index))]).await;
        pass(ms(6_000)).await;
    }
    let again = web.log.saying("decisions are recorded again");
    assert_eq!(again.len(), 1);
    assert!(again[0].field("lasted_ms").parse::<u64>().unwrap() > 24_000);
    assert_eq!(replayed(&folder).last(), Some(&web.told().last().unwrap().0));
}
