//! When the API server is asked, and what for. Time is virtual.

use std::cell::Cell;

use super::{
    super::testing::pod,
    fake_api::{FakeApi, Step, ms, s},
    *,
};

/// Follows until the script has ended and `for_so_long` has passed; the number of news.
async fn follow(api: &Rc<FakeApi>, for_so_long: Duration) -> (usize, Vec<ApiFault>, SharedKnown) {
    let (known, news, faults) = (SharedKnown::default(), Cell::new(0), RefCell::new(Vec::new()));
    let selection = Selection { namespace: None, label_selector: "app=web".into() };
    let mut follower = Follower::new(Rc::clone(api), selection, Rc::clone(&known));
    let follow = async {
        loop {
            match follower.next().await {
                Ok(()) => news.set(news.get() + 1),
                Err(fault) => {
                    faults.borrow_mut().push(fault);
                    tokio::time::sleep(s(5)).await;
                }
            }
        }
    };
    let ended: Result<(), _> = tokio::time::timeout(for_so_long, follow).await;
    assert!(ended.is_err());
    (news.get(), faults.into_inner(), known)
}

fn uids(known: &SharedKnown) -> Vec<String> {
    let known = known.borrow();
    known.as_ref().unwrap().pods.all().map(|pod| pod.container.uuid.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_list_is_followed_by_a_watch_from_its_version() {
    let api = FakeApi::of([
        Step::list("5", vec![pod("web-0", "a")]),
        Step::watch([(ms(10), Step::put("6", pod("web-1", "b")))]),
    ]);
    let (news, faults, known) = follow(&api, s(1)).await;
    assert_eq!(api.asked(), ["0 list", "0 watch 5"]);
    assert_eq!((news, faults.len(), uids(&known)), (2, 0, vec!["a".to_owned(), "b".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn of_many_events_at_once_none_is_lost() {
    let many = 2 * MAX_TOGETHER + 500;
    let events =
        (0..many).map(|n| (ms(0), Step::put(&n.to_string(), pod(&format!("web-{n}"), &n.to_string()))));
    let api = FakeApi::of([Step::list("0", vec![]), Step::watch(events.collect::<Vec<_>>())]);
    let (_, faults, known) = follow(&api, s(1)).await;
    assert_eq!((uids(&known).len(), faults), (many, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_goes_on_from_its_last_version() {
    let api = FakeApi::of([
        Step::list("5", vec![]),
        Step::watch([(s(60), Step::bookmark("8")), (s(50), Step::end())]),
        Step::watch([(ms(10), Step::put("9", pod("web-0", "a"))), (ms(10), Step::cut())]),
        Step::watch([]),
    ]);
    let (news, faults, _) = follow(&api, s(130)).await;
    assert_eq!(api.asked(), ["0 list", "0 watch 5", "110000 watch 8", "111000 watch 9"]);
    assert_eq!((news, faults), (2, vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_listed_anew() {
    let api = FakeApi::of([
        Step::list("5", vec![pod("web-0", "a")]),
        Step::watch([(s(20), Step::expired())]),
        Step::list("70", vec![pod("web-1", "b")]),
        Step::expired_watch(),
        Step::list("71", vec![pod("web-1", "b")]),
        Step::watch([]),
    ]);
    let (news, faults, known) = follow(&api, s(60)).await;
    let asked = ["0 list", "0 watch 5", "20000 list", "20000 watch 70", "21000 list", "21000 watch 71"];
    assert_eq!(api.asked(), asked);
    assert_eq!((news, faults, uids(&known)), (3, vec![], vec!["b".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_deaf() {
    let api = FakeApi::of([
        Step::list("5", vec![]),
        Step::watch([(s(60), Step::bookmark("6"))]),
        Step::list("3", vec![]),
        Step::watch([]),
    ]);
    follow(&api, s(160)).await;
    assert_eq!(api.asked(), ["0 list", "0 watch 5", "150000 reconnect", "150000 list", "150000 watch 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_each_time_before_a_line_is_deaf_too() {
    let watches = (0..91).map(|_| Step::watch([(ms(10), Step::cut())]));
    let script = [Step::list("5", vec![])].into_iter().chain(watches).chain([Step::list("9", vec![])]);
    let api = FakeApi::of(script.chain([Step::watch([])]));
    follow(&api, s(100)).await;
    let asked = api.asked();
    assert_eq!(asked[1..3], ["0 watch 5", "1000 watch 5"]);
    assert_eq!(asked[asked.len() - 3..], ["90000 reconnect", "90000 list", "90000 watch 9"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_works_is_compared_with_a_list_now_and_then() {
    let bookmarks = (1..=20).map(|n| (s(60), Step::bookmark(&n.to_string())));
    let api = FakeApi::of([
        Step::list("0", vec![]),
        Step::watch(bookmarks.collect::<Vec<_>>()),
        Step::list("11", vec![]),
        Step::watch([]),
    ]);
    follow(&api, s(650)).await;
    assert_eq!(api.asked(), ["0 list", "0 watch 0", "600000 reconnect", "600000 list", "600000 watch 11"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_fault_a_watch_goes_on_and_nothing_is_lost() {
    let fault = || ApiFault::Unreachable("connection refused".into());
    let api = FakeApi::of([
        Step::failed_list(fault()),
        Step::list("5", vec![pod("web-0", "a")]),
        Step::watch([(s(2), Step::cut())]),
        Step::failed_watch(fault()),
        Step::watch([(s(1), Step::deleted("9", pod("web-0", "a")))]),
    ]);
    // The list, the end of the second fault, and the event.
    let (news, faults, known) = follow(&api, s(30)).await;
    assert_eq!(api.asked(), ["0 list", "5000 list", "5000 watch 5", "7000 watch 5", "12000 watch 5"]);
    assert_eq!((news, faults), (3, vec![fault(), fault()]));
    assert_eq!(uids(&known), ["a"], "to be told that it is gone");
    known.borrow_mut().as_mut().unwrap().pods.forget_gone();
    assert_eq!(uids(&known), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_a_fault() {
    let fault = ApiFault::Malformed("<html>".into());
    let api = FakeApi::of([
        Step::list("5", vec![]),
        Step::watch([(s(1), Step::failed(fault.clone()))]),
        Step::watch([]),
    ]);
    let (_, faults, _) = follow(&api, s(30)).await;
    assert_eq!(faults, [fault]);
    assert_eq!(api.asked(), ["0 list", "0 watch 5", "6000 watch 5"]);
}

#[tokio::test(start_paused = true)]
async fn the_age_is_that_of_the_last_line() {
    let api = FakeApi::of([Step::list("5", vec![]), Step::watch([(s(20), Step::bookmark("6"))])]);
    let begun = Instant::now();
    let (_, _, known) = follow(&api, s(70)).await;
    assert_eq!(known.borrow().as_ref().unwrap().heard - begun, s(20));
}
