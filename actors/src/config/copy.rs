//! Keeps the copy of the configuration for people.

use std::{rc::Rc, sync::Arc, time::Duration};

use slog::{Logger, error, info};
use tokio::{
    sync::watch::Receiver,
    time::{Instant, timeout},
};

use super::{ConfigStore, Frame, HaproxyConfig, writer::MAX_RETRY};
use crate::{
    allocation::Plan,
    backoff::{Backoff, FirstRetry},
    in_ms::in_ms,
    outage::Outage,
};

/// How long the copy may be behind: what comes meanwhile is written together.
const DELAY: Duration = Duration::from_millis(500);

/// What the copy is to be of.
pub(super) type Copied = (Arc<Frame>, Arc<Plan>);

/// Writes the `newest` configuration soon after each change, until nobody sends any more. A disk that refuses is tried
/// again.
pub(super) async fn keep<S: ConfigStore>(
    store: Rc<S>,
    mut newest: Receiver<Option<Copied>>,
    mut rng: fastrand::Rng,
    log: Logger,
) {
    let mut outage = Outage::default();
    let mut backoff = Backoff::new(FirstRetry::Delayed, MAX_RETRY);
    while newest.changed().await.is_ok() {
        let mut pause = DELAY;
        while !has_ended(&mut newest, pause).await {
            let Some((frame, plan)) = newest.borrow_and_update().clone() else { break };
            let config = Arc::new(HaproxyConfig::new(frame, &plan));
            let begun = Instant::now();
            match store.write(Arc::clone(&config)).await {
                Ok(()) => {
                    backoff.reset();
                    info!(log, "configuration written"; "revision" => config.revision,
                        "mapped" => config.mapped(), "free" => config.free().count(),
                        "excluded" => config.frame.excluded.len(), "took_ms" => in_ms(begun.elapsed()));
                    if let Some(ended) = outage.succeeded(Instant::now()) {
                        info!(log, "configuration file is up to date again";
                            "lasted_ms" => ended.lasted.as_millis() as u64);
                    }
                    break;
                }
                Err(error) => {
                    if outage.failed(error.kind(), Instant::now()) {
                        error!(log, "configuration file is outdated, it cannot be written";
                            "revision" => config.revision, "kind" => error.kind(), "error" => %error);
                    }
                    pause = backoff.next_pause(&mut rng);
                }
            }
        }
    }
}

/// Waits for `pause`, or until nobody sends any more.
async fn has_ended(newest: &mut Receiver<Option<Copied>>, pause: Duration) -> bool {
    timeout(pause, newest.wait_for(|_| false)).await.is_ok()
}
