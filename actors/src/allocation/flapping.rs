//! Rule 9: a container that flaps is damped. Its port stays as it was until the container is steady, and leads to the
//! address under which the container is listed. Pure.
//!
//! The port of a container in a crash loop would otherwise open and close, and its connections would be cut, several
//! times a minute on every host.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::eligibility::can_serve;
use crate::{domain::Change, in_ns};

/// More changes than these within [`WINDOW`] are flapping. A whole life, from the creation to the removal, has five.
const MAX_CHANGES: usize = 5;
const WINDOW: Duration = Duration::from_secs(30);
/// How long a container has to be steady the first time; twice as long each time after that.
const FIRST_PENALTY: Duration = Duration::from_secs(30);
const MAX_PENALTY: Duration = Duration::from_secs(480);
/// After this long without a penalty, the next one is a first one.
const FORGOTTEN: Duration = Duration::from_secs(1800);

/// What is known of the containers that have changed their state lately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct FlapDamper {
    histories: BTreeMap<Arc<str>, History>,
    /// Taken after each decision.
    #[serde(skip)]
    news: Vec<FlapNews>,
}

/// The changes of one container.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct History {
    name: Arc<str>,
    changes: VecDeque<StateChange>,
    damped: Option<Damped>,
    last: Option<Penalty>,
}

/// One of the latest changes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct StateChange {
    #[serde(rename = "at_ns", with = "in_ns")]
    at: Duration,
    /// Whether the container could serve before.
    was_serving: bool,
}

/// The last penalty.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Penalty {
    #[serde(rename = "length_ns", with = "in_ns")]
    length: Duration,
    /// When it ended or will end.
    #[serde(rename = "end_ns", with = "in_ns")]
    end: Duration,
}

/// How a flapping container stays for a while.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Damped {
    /// Whether it could serve before it flapped.
    pub(super) was_serving: bool,
    #[serde(rename = "until_ns", with = "in_ns")]
    until: Duration,
    /// Whether it has not changed since `until` was set.
    is_steady: bool,
}

/// What the log is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FlapNews {
    /// The container is damped, or still is, until it has been steady for `penalty`.
    Damped { uuid: Arc<str>, name: Arc<str>, is_mapped: bool, penalty: Duration },
    /// It was steady for long enough.
    Steady { uuid: Arc<str>, name: Arc<str> },
}

impl FlapDamper {
    /// Rule 9: takes note of what has changed.
    ///
    /// To be missing is no change of state (rule 6).
    pub(super) fn follow(&mut self, changes: &[Change], now: Duration) {
        for change in changes {
            let Change { was: Some(was), is: Some(is) } = change else { continue };
            if is.uuid.is_empty() || was.lifecycle() == is.lifecycle() {
                continue;
            }
            let history = self.histories.entry(Arc::clone(&is.uuid)).or_default();
            history.name = Arc::clone(&is.name);
            if history.note(can_serve(was), now) {
                self.news.push(history.news(&is.uuid));
            }
        }
        self.expire(now);
    }

    /// Releases the containers that have been steady for long enough, and drops old history.
    pub(super) fn expire(&mut self, now: Duration) {
        for (uuid, history) in &mut self.histories {
            if history.damped.as_ref().is_some_and(|damped| damped.until <= now) {
                history.end_penalty(now);
                self.news.push(history.news(uuid));
            }
            history.forget(now);
        }
        self.histories.retain(|_, h| h.damped.is_some() || h.last.is_some() || !h.changes.is_empty());
    }

    /// How this container stays, if it is damped.
    pub(super) fn damped(&self, uuid: &str) -> Option<&Damped> {
        self.histories.get(uuid)?.damped.as_ref()
    }

    /// Ends the penalty of this container, because a person says so.
    pub(super) fn release(&mut self, uuid: &str) {
        if let Some(history) = self.histories.get_mut(uuid) {
            history.damped = None;
            history.changes.clear();
        }
    }

    /// When a penalty ends or is prolonged.
    pub(super) fn next_change(&self) -> Option<Duration> {
        self.histories.values().filter_map(|history| Some(history.damped.as_ref()?.until)).min()
    }

    /// What has happened since this was asked last.
    pub(super) fn take_news(&mut self) -> Vec<FlapNews> {
        std::mem::take(&mut self.news)
    }
}

impl Damped {
    /// When the penalty ends, if the container is steady until then.
    pub(super) fn until(&self) -> Duration {
        self.until
    }
}

impl History {
    /// Takes note of a change; tells whether the container is damped from now on.
    fn note(&mut self, was_serving: bool, now: Duration) -> bool {
        self.forget(now);
        self.changes.push_back(StateChange { at: now, was_serving });
        if let Some(damped) = &mut self.damped {
            damped.is_steady = false;
            self.changes.pop_front();
            return false;
        }
        let is_flapping = self.changes.len() > MAX_CHANGES;
        if is_flapping {
            let was_serving = self.changes.front().is_some_and(|oldest| oldest.was_serving);
            self.damp(was_serving, now);
        }
        is_flapping
    }

    fn damp(&mut self, was_serving: bool, now: Duration) {
        let length = self.last.map_or(FIRST_PENALTY, |last| (last.length * 2).min(MAX_PENALTY));
        let end = now + length;
        self.last = Some(Penalty { length, end });
        self.damped = Some(Damped { was_serving, until: end, is_steady: true });
    }

    fn end_penalty(&mut self, now: Duration) {
        match self.damped.take() {
            Some(Damped { was_serving, is_steady: false, .. }) => self.damp(was_serving, now),
            _ => self.changes.clear(),
        }
    }

    fn forget(&mut self, now: Duration) {
        while self.damped.is_none() && self.changes.front().is_some_and(|oldest| oldest.at + WINDOW <= now) {
            self.changes.pop_front();
        }
        self.last = self.last.filter(|last| now < last.end + FORGOTTEN);
    }

    fn news(&self, uuid: &Arc<str>) -> FlapNews {
        let (uuid, name) = (Arc::clone(uuid), Arc::clone(&self.name));
        match (&self.damped, self.last) {
            (Some(damped), Some(Penalty { length: penalty, .. })) => {
                FlapNews::Damped { uuid, name, is_mapped: damped.was_serving, penalty }
            }
            _ => FlapNews::Steady { uuid, name },
        }
    }
}
