//! What has changed lately: bounded, for clients that come back and for the timeline.

use std::{collections::VecDeque, sync::Arc};

use serde::Serialize;
use utoipa::ToSchema;

use super::{Difference, EventId, Haproxy, PortState, PortStatus, Source, Status, Timestamp};

/// So many differences are kept for clients that come back, as long as they are not too many ports.
const MAX_DIFFERENCES: usize = 256;
const MAX_PORTS: usize = 4096;
/// So many changes are kept for the timeline.
const MAX_CHANGES: usize = 200;

/// What has changed lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    differences: VecDeque<Arc<Difference>>,
    changes: VecDeque<Arc<Change>>,
}

/// What a client has missed that knows some state.
#[derive(Clone, Debug)]
pub(crate) enum Since {
    /// These differences, in their order.
    Differences(Vec<Arc<Difference>>),
    /// More than is kept, or another instance's.
    TooLong,
}

/// One change, for people.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Change {
    /// The state that it led to.
    #[schema(value_type = String)]
    pub(crate) id: EventId,
    pub(crate) at: Timestamp,
    pub(crate) subject: Subject,
    /// Which port, if it is one's.
    pub(crate) port: Option<u16>,
    /// Whose port, if it is one's.
    #[schema(value_type = Option<String>)]
    pub(crate) service: Option<Arc<str>>,
    pub(crate) was: Option<Moment>,
    pub(crate) is: Option<Moment>,
    /// A stable label of the reason.
    pub(crate) kind: Option<&'static str>,
    /// Why, and what would do.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Arc<str>>,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    Port,
    Source,
    Haproxy,
}

/// One side of a change.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Moment {
    /// The state's name.
    pub(crate) state: &'static str,
    /// The container's name; for HAProxy its process.
    #[schema(value_type = Option<String>)]
    pub(crate) container: Option<Arc<str>>,
}

impl History {
    /// Adds what leads from `old` to the state after it.
    pub(super) fn note(&mut self, old: &Status, difference: Arc<Difference>) {
        for change in changes(old, &difference) {
            self.changes.push_front(Arc::new(change));
        }
        self.changes.truncate(MAX_CHANGES);
        self.differences.push_back(difference);
        let mut ports: usize = self.differences.iter().map(|it| it.ports.len()).sum();
        while self.differences.len() > MAX_DIFFERENCES || (ports > MAX_PORTS && self.differences.len() > 1) {
            ports -= self.differences.pop_front().map_or(0, |it| it.ports.len());
        }
    }

    /// What a client has missed that knows the state `id`, up to the state `now`.
    pub(crate) fn since(&self, id: EventId, now: EventId) -> Since {
        let first = self.differences.front().map_or(now.number + 1, |first| first.id.number);
        if id.instance != now.instance || id.number > now.number || id.number + 1 < first {
            return Since::TooLong;
        }
        Since::Differences(self.differences.iter().filter(|it| it.id.number > id.number).cloned().collect())
    }

    /// The last changes, the newest first.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().map(|change| &**change)
    }
}

/// The changes for people: what is new in kind. That a port gets another reason of the same kind is none.
fn changes(old: &Status, new: &Difference) -> Vec<Change> {
    let Difference { id, at, .. } = *new;
    let mut changes = Vec::new();
    let mut note = |subject, was: Option<Moment>, is: Option<Moment>, kind, reason: &Option<Arc<str>>| {
        if was != is {
            let (port, service, reason) = (None, None, reason.clone());
            changes.push(Change { id, at, subject, port, service, was, is, kind, reason });
        }
    };
    if let Some(source) = &new.source {
        let of = |source: &Source| Some(Moment { state: source.state.name(), container: None });
        note(Subject::Source, of(&old.source), of(source), source.fault, &source.reason);
    }
    if let Some(haproxy) = &new.haproxy {
        let of = |haproxy: &Haproxy| {
            let container = haproxy.pid.map(|pid| format!("pid {pid}").into());
            Some(Moment { state: haproxy.state.name(), container })
        };
        note(Subject::Haproxy, of(&old.haproxy), of(haproxy), haproxy.kind, &haproxy.reason);
    }
    for is in &new.ports {
        let was = old.ports.get(&is.port).map(|was| moment(was));
        let now = Some(moment(is));
        if was == now || (was.is_none() && is.state == PortState::Free) {
            continue;
        }
        let (port, service) = (Some(is.port), Some(Arc::clone(&is.service)));
        let (kind, reason) = (is.kind, is.reason.clone());
        changes.push(Change { id, at, subject: Subject::Port, port, service, was, is: now, kind, reason });
    }
    changes
}

fn moment(port: &PortStatus) -> Moment {
    let container = port.container.as_ref().map(|container| Arc::clone(&container.name));
    Moment { state: port.state.name(), container }
}
