//! What the engine is asked, and when.

use std::{cell::RefCell, rc::Rc};

use futures_util::poll;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::*;
use crate::sources::docker::fake_engine::{FakeEngine, Reply};

const LIST: &str = "/containers/json";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// An engine, with the sender of its newest event stream, and the length of its next lists.
struct Stage {
    fake: FakeEngine,
    events: Rc<RefCell<Option<UnboundedSender<String>>>>,
    listed: Rc<RefCell<usize>>,
}

impl Stage {
    fn new() -> Self {
        let events: Rc<RefCell<Option<UnboundedSender<String>>>> = Rc::default();
        let listed = Rc::new(RefCell::new(1));
        let (opened, length) = (Rc::clone(&events), Rc::clone(&listed));
        let fake = FakeEngine::start("1.41", move |path| match path {
            "/events" => {
                let (sender, pieces) = mpsc::unbounded_channel();
                *opened.borrow_mut() = Some(sender);
                Reply::Stream(pieces)
            }
            LIST => Reply::Json(format!("[{}]", vec![r#"{"Id":"1"}"#; *length.borrow()].join(","))),
            _ => Reply::Status(404, ""),
        });
        Self { fake, events, listed }
    }

    /// One that has looked at the first state, and has looked again as it does after all news.
    async fn follower(&self) -> Follower {
        let mut follower = Follower::new(self.fake.settings());
        for _ in 0..=LATER_LOOKS.len() {
            follower.next(LONG).await.unwrap();
        }
        follower
    }

    fn send(&self, action: &str) {
        let event = format!("{{\"Type\":\"container\",\"Action\":\"{action}\"}}\n");
        self.events.borrow().as_ref().unwrap().send(event).unwrap();
    }

    fn end_stream(&self) {
        *self.events.borrow_mut() = None;
    }

    /// The paths that were asked for, without version and query.
    fn asked(&self) -> Vec<String> {
        let bare = |path: String| {
            path.split('?').next().unwrap().strip_prefix("/v1.41").map_or(path.clone(), str::to_owned)
        };
        self.fake.asked().into_iter().map(bare).collect()
    }
}

#[actix_rt::test]
async fn the_stream_is_opened_before_the_list_is_asked_for() {
    let stage = Stage::new();
    assert_eq!(Follower::new(stage.fake.settings()).next(LONG).await.unwrap().len(), 1);
    assert_eq!(stage.asked(), ["/version", "/events", LIST]);
    let events = stage.fake.asked()[1].clone();
    assert!(events.contains("health_status") && !events.contains("exec"), "{events}");
    assert!(stage.fake.asked()[2].contains("all=true"));
}

#[actix_rt::test]
async fn an_event_is_looked_at_at_once_and_silence_after_the_wait() {
    let stage = Stage::new();
    let mut follower = stage.follower().await;
    *stage.listed.borrow_mut() = 2;
    stage.send("start");
    assert_eq!(follower.next(LONG).await.unwrap().len(), 2);
    *stage.listed.borrow_mut() = 3;
    assert_eq!(follower.next(Duration::from_millis(10)).await.unwrap().len(), 3);
    assert_eq!(follower.next(Duration::ZERO).await.unwrap().len(), 3);
}

#[actix_rt::test]
async fn a_network_that_the_engine_tells_of_too_early_is_seen_by_a_later_look() {
    let stage = Stage::new();
    let mut follower = stage.follower().await;
    stage.send("connect");
    assert_eq!(follower.next(LONG).await.unwrap().len(), 1);
    *stage.listed.borrow_mut() = 2;
    for _ in LATER_LOOKS {
        assert_eq!(follower.next(LONG).await.unwrap().len(), 2);
    }
    assert!(timeout(LATER_LOOKS[3] * 2, follower.next(LONG)).await.is_err(), "there are no more");
}

#[actix_rt::test]
async fn many_events_are_one_look() {
    let stage = Stage::new();
    let mut follower = stage.follower().await;
    for _ in 0..1000 {
        stage.send("health_status: healthy");
    }
    follower.next(LONG).await.unwrap();
    // What had not come by the first look is seen by a few more, and then there is silence.
    while timeout(LATER_LOOKS[1] * 3, follower.next(LONG)).await.is_ok() {}
    let looks = stage.asked().iter().filter(|path| *path == LIST).count();
    assert!((2..500).contains(&looks), "{looks} looks at 1000 events");
}

#[actix_rt::test]
async fn an_event_that_comes_while_nobody_waits_is_not_lost() {
    let stage = Stage::new();
    let mut follower = stage.follower().await;
    {
        let mut waiting = std::pin::pin!(follower.next(LONG));
        assert!(poll!(waiting.as_mut()).is_pending());
        stage.send("start");
        // The event is read, the list is asked for, and then nobody waits any more.
        tokio::select! {
            _ = waiting => panic!("the list was there sooner than asked for"),
            () = stage.fake.until_asked(8) => {}
        }
    }
    follower.next(LONG).await.unwrap();
    assert_eq!(stage.asked()[7..], [LIST, LIST]);
}

#[actix_rt::test]
async fn a_stream_that_ends_is_opened_again_and_no_fault() {
    let stage = Stage::new();
    let mut follower = stage.follower().await;
    stage.end_stream();
    *stage.listed.borrow_mut() = 2;
    assert_eq!(follower.next(LONG).await.unwrap().len(), 2);
    assert_eq!(stage.asked()[7..], ["/version", "/events", LIST]);
}

#[actix_rt::test]
async fn after_a_fault_everything_is_asked_for_anew() {
    let fails = Rc::new(RefCell::new(true));
    let (failing, mut senders) = (Rc::clone(&fails), Vec::new());
    let fake = FakeEngine::start("1.41", move |path| match path {
        "/events" => {
            let (sender, pieces) = mpsc::unbounded_channel();
            senders.push(sender);
            Reply::Stream(pieces)
        }
        _ if *failing.borrow() => Reply::Status(403, "<html>403 Forbidden</html>"),
        _ => Reply::Json("[]".into()),
    });
    let mut follower = Follower::new(fake.settings());
    assert_eq!(follower.next(LONG).await.unwrap_err().kind(), "forbidden");
    *fails.borrow_mut() = false;
    assert!(follower.next(LONG).await.unwrap().is_empty());
    assert_eq!(fake.asked().len(), 6);
}
