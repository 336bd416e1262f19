//! A source that tells of some services before it has asked for others.

use futures_util::future::{FutureExt, LocalBoxFuture};

use super::*;

/// `web` changes every 300 ms, and `db` fails whenever it is asked for.
struct Parts {
    started: Instant,
    /// When.
    asked_for_db: Rc<RefCell<Vec<Duration>>>,
    changes: u64,
}

const CHANGE: Duration = Duration::from_millis(300);

impl Source for Parts {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &["forbidden"]
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        async move {
            let is_first = self.asked_for_db.borrow().is_empty();
            if !is_first {
                pass(wait.min(CHANGE)).await;
            }
            let mut state = State::default();
            if is_first || wait <= CHANGE {
                self.asked_for_db.borrow_mut().push(self.started.elapsed());
                let (subject, reason) = ("db".to_owned(), "no right".to_owned());
                let failed = Answer::Failed(Fault { kind: "forbidden", subject, reason });
                state.services.insert(service("db"), failed);
            } else {
                self.changes += 1;
                let why_empty = Some(self.changes.to_string().into());
                let listed = Answer::Listed(Listing { why_empty, ..Listing::default() });
                state.services.insert(service("web"), listed);
            }
            Ok(state)
        }
        .boxed_local()
    }
}

#[actix_rt::test]
async fn a_service_that_fails_is_asked_for_again_however_often_another_one_changes() {
    tokio::time::pause();
    let asked_for_db = Rc::new(RefCell::new(Vec::new()));
    let parts = Parts { started: Instant::now(), asked_for_db: Rc::clone(&asked_for_db), changes: 0 };
    let (log, (changes, allocator)) = (Lines::default(), Received::start());
    let mappings = ["web", "db"].map(|name| mapping(&service(name), 5000)).into();
    let settings = PollerSettings { mappings, poll_sleep: POLL_SLEEP, seed: 7 };
    let poller = MetadataPoller::new(settings, Box::new(parts), allocator, log.logger());
    let (_poller, _actors) = run(poller);
    pass(ms(60_000)).await;
    let asked = asked_for_db.borrow();
    let gaps: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let longest = POLL_SLEEP + CHANGE;
    assert!(asked.len() > 12 && gaps.iter().all(|gap| *gap <= longest), "{gaps:?}");
    assert!(gaps.iter().rev().take(8).all(|gap| *gap >= POLL_SLEEP / 2), "{gaps:?}");
    assert!(changes.times(Instant::now()).len() > 100);
}
