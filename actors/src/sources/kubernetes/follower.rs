//! Following the pods of one selection: a list, and the events after it.
//!
//! A watch ends every few minutes, and goes on from where it was: nothing is missed. When the API server does not
//! remember so far back, a list tells what there is, and what was lost in between has gone without a word.

#[cfg(test)]
mod fake_api;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::LocalBoxStream};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    fault::{ApiFault, Refusal},
    pod::Pod,
    pods::Pods,
    selection::Selection,
};

/// A watch that says nothing for so long is deaf: an API server sends a bookmark each minute, but none to a watch from a
/// version that is still to come, as after a restore of etcd; and a proxy may have lost the connection.
const SILENCE: Duration = Duration::from_secs(90);

/// However well a watch works, a list is compared with it so often.
const LIST_AGAIN: Duration = Duration::from_secs(600);

/// From one opening of a watch to the next: something in between may end each of them at once.
const MIN_WATCH: Duration = Duration::from_secs(1);

/// Events that are taken together, if they are there: a node that is drained moves many pods.
const MAX_TOGETHER: usize = 1000;

/// What an API server is asked for.
pub(super) trait Api {
    /// The pods that there are.
    fn list<'a>(&'a self, selection: &'a Selection) -> LocalBoxFuture<'a, Result<Listed, Refusal>>;

    /// What happens to them after `version`.
    fn watch<'a>(
        &'a self,
        selection: &'a Selection,
        version: &'a str,
    ) -> LocalBoxFuture<'a, Result<Events, Refusal>>;

    /// Connects anew for what is asked next.
    fn reconnect(&self);
}

/// A list of pods.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) pods: Vec<Pod>,
    /// The state that it shows: opaque, and not that of any pod.
    pub(super) version: String,
}

/// What an open watch tells. It ends when the API server or something in between ends it.
pub(super) type Events = LocalBoxStream<'static, Result<Event, Refusal>>;

/// What a watch tells.
#[derive(Debug)]
pub(super) struct Event {
    /// The state after it.
    pub(super) version: String,
    pub(super) change: Change,
}

/// What is another way.
#[derive(Debug)]
pub(super) enum Change {
    /// The pod is there.
    Put(Pod),
    /// The pod is not there any more.
    Deleted(Pod),
    /// Nothing; the API server shows that it is there.
    Nothing,
}

/// What is known of a selection.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) pods: Pods,
    /// When the API server last said what they are.
    pub(super) heard: Instant,
}

/// What is known of a selection, as soon as anything is.
pub(super) type SharedKnown = Rc<RefCell<Option<Known>>>;

/// Follows one selection.
pub(super) struct Follower<A> {
    api: Rc<A>,
    selection: Selection,
    known: SharedKnown,
    /// From where a watch goes on; `None` asks for a list.
    version: Option<String>,
    events: Option<Events>,
    listed: Instant,
    opened: Instant,
    /// Since when a line of a watch is awaited, however often the watch has ended meanwhile; `None` after a line.
    awaited: Option<Instant>,
    /// When the API server may be asked again.
    not_before: Instant,
    has_failed: bool,
}

impl<A: Api> Follower<A> {
    /// Asks for nothing before [`Self::next`], and keeps `known` up to date then.
    pub(super) fn new(api: Rc<A>, selection: Selection, known: SharedKnown) -> Self {
        let now = Instant::now();
        Self {
            api,
            selection,
            known,
            version: None,
            events: None,
            listed: now,
            opened: now,
            awaited: None,
            not_before: now,
            has_failed: false,
        }
    }

    /// What it follows.
    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Waits until something may be another way, or the API server answers again after a fault.
    ///
    /// # Errors
    /// What keeps the API server from telling. To be asked again after a pause.
    pub(super) async fn next(&mut self) -> Result<(), ApiFault> {
        let next = self.until_news().await;
        self.has_failed = next.is_err();
        if self.has_failed {
            self.awaited = None;
        }
        next
    }

    async fn until_news(&mut self) -> Result<(), ApiFault> {
        loop {
            let is_news = match (&self.events, &self.version) {
                (Some(_), _) => self.read().await?,
                (None, Some(_)) => self.watch().await?,
                (None, None) => self.list().await?,
            };
            if is_news {
                return Ok(());
            }
        }
    }

    async fn list(&mut self) -> Result<bool, ApiFault> {
        sleep_until(self.not_before).await;
        let asked = Instant::now();
        match self.api.list(&self.selection).await {
            Ok(Listed { pods, version }) => {
                let mut known = self.known.borrow_mut();
                let known = known.get_or_insert_with(|| Known { pods: Pods::default(), heard: asked });
                known.pods.list(pods);
                known.heard = asked;
                self.version = Some(version);
                self.listed = asked;
                Ok(true)
            }
            // Its pages were too far apart.
            Err(Refusal::Expired) => {
                self.not_before = asked + MIN_WATCH;
                Ok(false)
            }
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    async fn watch(&mut self) -> Result<bool, ApiFault> {
        sleep_until(self.not_before).await;
        let version = self.version.as_deref().unwrap_or_default();
        match self.api.watch(&self.selection, version).await {
            Ok(events) => {
                self.events = Some(events);
                self.opened = Instant::now();
                self.awaited.get_or_insert(self.opened);
                // No event may come for long, and the fault is over.
                Ok(self.has_failed)
            }
            Err(Refusal::Expired) => {
                self.list_anew(self.listed + MIN_WATCH);
                Ok(false)
            }
            Err(Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// Takes the next event, with those that are there already; whether any is news.
    async fn read(&mut self) -> Result<bool, ApiFault> {
        let Some(events) = &mut self.events else { return Ok(false) };
        let heard = self.known.borrow().as_ref().map_or(self.opened, |known| known.heard);
        let silent_since = self.awaited.unwrap_or(heard);
        let due = (silent_since + SILENCE).min(self.listed + LIST_AGAIN);
        let Ok(first) = timeout_at(due, events.next()).await else {
            self.api.reconnect();
            self.list_anew(Instant::now());
            return Ok(false);
        };
        let mut is_news = self.note(first)?;
        for _ in 1..MAX_TOGETHER {
            let ready = self.events.as_mut().and_then(|events| events.next().now_or_never());
            let Some(next) = ready else { break };
            is_news |= self.note(next)?;
        }
        Ok(is_news)
    }

    /// Takes note of what a watch has told, or of its end; whether that is news.
    fn note(&mut self, told: Option<Result<Event, Refusal>>) -> Result<bool, ApiFault> {
        match told {
            Some(Ok(event)) => return Ok(self.take(event)),
            Some(Err(Refusal::Expired)) => self.list_anew(self.listed + MIN_WATCH),
            // A connection that breaks ends a watch like any other end; whether there is more to it shows next.
            None | Some(Err(Refusal::Fault(ApiFault::Unreachable(_)))) => {
                self.events = None;
                self.not_before = self.opened + MIN_WATCH;
            }
            Some(Err(Refusal::Fault(fault))) => {
                self.events = None;
                return Err(fault);
            }
        }
        Ok(false)
    }

    fn take(&mut self, Event { version, change }: Event) -> bool {
        self.version = Some(version);
        let mut known = self.known.borrow_mut();
        let Some(known) = known.as_mut() else { return false };
        known.heard = Instant::now();
        self.awaited = None;
        match change {
            Change::Put(pod) => known.pods.put(pod),
            Change::Deleted(pod) => known.pods.delete(pod),
            Change::Nothing => return false,
        }
        true
    }

    fn list_anew(&mut self, not_before: Instant) {
        self.events = None;
        self.version = None;
        self.awaited = None;
        self.not_before = not_before;
    }
}
