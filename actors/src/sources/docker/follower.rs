//! Following an engine's containers: its events say when to look, and its list says what there is.
//!
//! The stream is opened first, and the list is asked for then, so that nothing falls between them. Events are lost all
//! the same: an engine keeps 256 of them. So it is asked anew each time the stream has to be opened again, and at
//! intervals.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, future::Future, mem, pin::pin, time::Duration};

use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder};
use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Engine, EngineFault, EngineSettings, EventStream, get, summary::ContainerSummary};

/// The events after which something may be another way. The engine sends no others: a health check alone writes three
/// each time. The last two are Podman's words for `die` and `destroy`.
const EVENTS: [&str; 11] = [
    "start",
    "die",
    "health_status",
    "destroy",
    "rename",
    "pause",
    "unpause",
    "connect",
    "disconnect",
    "died",
    "remove",
];

/// However long a wait may be, the engine is asked at least so often.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// From one opening of the stream to the next: something between us and the engine may end it each time at once.
const MIN_STREAM: Duration = Duration::from_secs(1);

/// How long after a look at news to look again, and from each of those looks to the next. An engine tells of a pause and
/// of a network before its list does: in between it writes to a disk (moby, `daemon.containerUnpause` and
/// `daemon.ConnectToNetwork`; on 20.10 that took more than 120 ms at times).
const LATER_LOOKS: [Duration; 4] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// Follows the containers of an engine.
pub(super) struct Follower {
    settings: EngineSettings,
    following: Option<Following>,
    /// When the stream may be opened again.
    next_opening: Instant,
}

struct Following {
    engine: Engine,
    events: EventStream,
    /// Something has happened since the last list, or there is none yet.
    has_news: bool,
    /// How many looks there have been since the last one at news.
    later_looks: usize,
}

impl Follower {
    /// One that asks for nothing before [`Self::next`].
    pub(super) fn new(settings: EngineSettings) -> Self {
        Self { settings, following: None, next_opening: Instant::now() }
    }

    /// Waits until something may have changed, for `wait` at most, and gives all containers. At first, and after a
    /// fault, it does not wait. It may be dropped at any time.
    ///
    /// # Errors
    /// Every fault.
    pub(super) async fn next(&mut self, wait: Duration) -> Result<Vec<ContainerSummary>, EngineFault> {
        loop {
            let Some(following) = &mut self.following else {
                self.open().await?;
                continue;
            };
            match following.list(wait.min(MAX_WAIT)).await {
                Ok(Some(listed)) => return Ok(listed),
                Ok(None) => self.following = None,
                Err(fault) => {
                    self.following = None;
                    return Err(fault);
                }
            }
        }
    }

    async fn open(&mut self) -> Result<(), EngineFault> {
        sleep_until(self.next_opening).await;
        let engine = Engine::connect(&self.settings).await?;
        let events = engine.events(events_options()).await?;
        self.next_opening = Instant::now() + MIN_STREAM;
        self.following = Some(Following { engine, events, has_news: true, later_looks: 0 });
        Ok(())
    }
}

impl Following {
    /// All containers, as soon as there is news, and after `wait` without; `None` when the stream has ended.
    async fn list(&mut self, wait: Duration) -> Result<Option<Vec<ContainerSummary>>, EngineFault> {
        if !self.has_news {
            let wait = LATER_LOOKS.get(self.later_looks).map_or(wait, |pause| wait.min(*pause));
            match timeout(wait, self.events.next()).await {
                Ok(Ok(Some(_))) => self.has_news = true,
                Ok(ended) => return ended.map(|_| None),
                Err(_) => {}
            }
        }
        // What has stopped is listed, too: why it is not mapped can be told then.
        let look = get(&self.engine, "/containers/json", "/containers/json?all=true");
        let Some((listed, has_news)) = meanwhile(&mut self.events, look).await? else { return Ok(None) };
        let listed = listed?;
        let had_news = mem::replace(&mut self.has_news, has_news);
        self.later_looks = if had_news { 0 } else { self.later_looks.saturating_add(1) };
        Ok(Some(listed))
    }
}

/// What `awaited` gives, and whether something happened meanwhile; `None` if the stream has ended.
async fn meanwhile<T>(
    events: &mut EventStream,
    awaited: impl Future<Output = T>,
) -> Result<Option<(T, bool)>, EngineFault> {
    let (mut awaited, mut has_news) = (pin!(awaited), false);
    loop {
        match select(awaited.as_mut(), pin!(events.next())).await {
            Either::Left((given, _)) => return Ok(Some((given, has_news))),
            Either::Right((event, _)) if event.as_ref().is_ok_and(Option::is_some) => has_news = true,
            Either::Right((event, _)) => return event.map(|_| None),
        }
    }
}

fn events_options() -> EventsOptions {
    let filters = [("type", ["container", "network"].to_vec()), ("event", EVENTS.to_vec())];
    EventsOptionsBuilder::new().filters(&HashMap::from(filters)).build()
}
