//! A service's tasks as containers. Pure.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use itertools::Itertools;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    address::{HostPorts, Nodes},
    answer::Task,
};
use crate::domain::Container;

/// Whose tasks are listed, and where they are to be reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The service's name.
    pub(super) service: &'a str,
    /// How its tasks are reached.
    pub(super) reach: Reach<'a>,
}

/// How tasks are reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reach<'a> {
    /// On these ports of these nodes.
    Nodes(&'a HostPorts, &'a Nodes),
    /// In an overlay network, by its name; `None` for whichever there is.
    Overlay(Option<&'a str>),
}

/// What stays the same when a task is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    /// Of a replicated service.
    Slot(NonZeroU64),
    /// Of a global service, which has one task on each node.
    Node(&'a str),
}

impl Task {
    /// Where it is; `None` while a global service's task has no node.
    fn place(&self) -> Option<Place<'_>> {
        match self.slot.and_then(NonZeroU64::new) {
            Some(slot) => Some(Place::Slot(slot)),
            None => (!self.node_id.is_empty()).then_some(Place::Node(&self.node_id)),
        }
    }

    /// In nanoseconds since 1970; 0 when unknown.
    fn created(&self) -> u64 {
        let time = OffsetDateTime::parse(&self.created_at, &Rfc3339).ok();
        time.and_then(|time| time.unix_timestamp_nanos().try_into().ok()).unwrap_or_default()
    }

    /// The older one is less.
    fn age(&self) -> (u64, &str) {
        (self.created(), &self.id)
    }
}

/// The service's containers by age, each uuid once.
///
/// A manager also remembers tasks that have ended. Of a slot that has nothing else, the newest of them is listed, since
/// it says why; the others are not.
pub(super) fn containers(tasks: &[Task], wanted: Wanted<'_>) -> Vec<Arc<Container>> {
    let mut places: BTreeMap<Place<'_>, Vec<&Task>> = BTreeMap::new();
    for task in tasks.iter().filter(|task| !task.id.is_empty()) {
        if let Some(place) = task.place() {
            places.entry(place).or_default().push(task);
        }
    }
    let mut containers: Vec<_> = places
        .into_iter()
        .flat_map(|(place, tasks)| current(place, tasks).into_iter().map(move |task| (place, task)))
        .map(|(place, task)| Arc::new(container(place, task, wanted)))
        .collect();
    containers.sort_unstable_by(|a, b| (a.created, &a.uuid).cmp(&(b.created, &b.uuid)));
    containers.into_iter().unique_by(|container| Arc::clone(&container.uuid)).collect()
}

/// Those of a place's tasks that are listed.
fn current<'a>(place: Place<'_>, tasks: Vec<&'a Task>) -> Vec<&'a Task> {
    let (ended, mut current): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.has_ended());
    match place {
        _ if current.is_empty() => current.extend(ended.into_iter().max_by_key(|task| task.age())),
        Place::Slot(_) => {}
        // A node's task has the node's identity, and so there can be only one: the newest that serves.
        Place::Node(_) => {
            let rank = |task: &&Task| (task.is_running(), !task.is_told_to_stop());
            let newest = current.into_iter().max_by(|a, b| rank(a).cmp(&rank(b)).then(a.age().cmp(&b.age())));
            return newest.into_iter().collect();
        }
    }
    current
}

fn container(place: Place<'_>, task: &Task, wanted: Wanted<'_>) -> Container {
    let (uuid, name, index, created) = match place {
        Place::Slot(slot) => (&*task.id, format!("{}.{slot}", wanted.service), Some(slot), task.created()),
        // They are all as old as their node, as far as this is concerned: so every stalls puts them in one order.
        Place::Node(node) => (node, format!("{}.{node}", wanted.service), None, 0),
    };
    let (address, port) = match wanted.reach {
        _ if !task.is_running() => (None, None),
        Reach::Overlay(network) => (task.overlay_address(network), None),
        Reach::Nodes(ports, nodes) => match (nodes.get(&task.node_id), ports.of(task)) {
            (Some(address), Some(port)) => (Some(address.clone()), Some(port)),
            _ => (None, None),
        },
    };
    Container {
        uuid: uuid.into(),
        name: name.into(),
        index,
        created,
        state: Some(task.state()),
        address,
        port,
        named_ports: [].into(),
        // A task that runs has passed its health check, if it has one. Whether it has does not always show: the check
        // may be the image's. A connection tells for both (rule 4).
        health: None,
    }
}
