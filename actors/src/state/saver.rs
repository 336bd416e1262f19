//! When the state is saved, and when again after a failure.

use std::{future::Future, rc::Rc, time::Duration};

use slog::{Logger, error, info};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{SavedState, StateError, StateStore};
use crate::outage::Outage;

/// How soon a plan is saved. Clients wait for what it changes, so that comes first.
pub(crate) const SAVE_DELAY: Duration = Duration::from_millis(5);

/// How soon a failed save is tried again, unless there is a newer state before.
pub(crate) const SAVE_RETRY: Duration = Duration::from_secs(5);

/// Has the newest state saved. One save is in flight at a time, and of the states that come meanwhile only the newest
/// is saved then. A disk that refuses never holds back a plan: only a restart would miss what was not saved.
pub(crate) struct Saver {
    newest: watch::Sender<Option<MakeState>>,
}

/// Makes the state when it is time to save it, since what is left of a reservation is a matter of time.
type MakeState = Rc<dyn Fn() -> SavedState>;

impl Saver {
    /// A saver, and the work that saves into `store`. When the saver is dropped, the work saves what is not saved yet,
    /// tries that only once, and ends.
    pub(crate) fn new<S: StateStore>(store: S, log: Logger) -> (Self, impl Future<Output = ()> + 'static) {
        let (newest, receiver) = watch::channel(None);
        (Self { newest }, work(store, receiver, log))
    }

    /// Replaces the newest state.
    pub(crate) fn save(&self, make_state: impl Fn() -> SavedState + 'static) {
        self.newest.send_replace(Some(Rc::new(make_state)));
    }
}

async fn work<S: StateStore>(store: S, mut newest: watch::Receiver<Option<MakeState>>, log: Logger) {
    let mut outage = Outage::default();
    while newest.changed().await.is_ok() {
        let dropped = newest.wait_for(|_| false);
        // Either is fine: the time is over, or there is no time left.
        let _ = timeout(SAVE_DELAY, dropped).await;
        loop {
            let Some(make_state) = newest.borrow_and_update().clone() else { break };
            let saved = store.save(make_state()).await;
            log_outage(&mut outage, &saved, &log);
            let is_dropped = newest.has_changed().is_err();
            if saved.is_ok() || is_dropped {
                break;
            }
            // Whichever comes first: the time, a newer state, or the end.
            let _ = timeout(SAVE_RETRY, newest.changed()).await;
        }
    }
}

fn log_outage(outage: &mut Outage, saved: &Result<(), StateError>, log: &Logger) {
    let now = Instant::now();
    match saved {
        Ok(()) => {
            if let Some(ended) = outage.succeeded(now) {
                info!(log, "assignments are saved again"; "lasted_ms" => ended.lasted.as_millis() as u64);
            }
        }
        Err(error) => {
            if outage.failed(error.kind(), now) {
                error!(log, "assignments cannot be saved, a restart would not know them";
                    "kind" => error.kind(), "error" => %error);
            }
        }
    }
}
