//! What has happened to a pod, as a watch with a selector tells it.

use serde_json::{Value, json};

use super::{
    document::{bookmark, object},
    pod::Pod,
    selector::Selector,
};

/// A change of one pod.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// The version of the world that has it.
    pub(super) version: u64,
    /// `None` if the pod is new.
    pub(super) before: Option<Pod>,
    /// `None` if the pod is gone.
    pub(super) after: Option<Pod>,
}

impl Event {
    /// What a client learns that watches this; a pod that leaves the selector is deleted to it.
    pub(super) fn told(&self, namespace: &str, selector: &Selector) -> Option<Value> {
        let seen = |pod: &Option<Pod>| {
            pod.clone().filter(|pod| pod.namespace == namespace && selector.matches(&pod.labels))
        };
        let (kind, pod) = match (seen(&self.before), seen(&self.after)) {
            (None, None) => return None,
            (None, Some(after)) => ("ADDED", after),
            (Some(_), Some(after)) => ("MODIFIED", after),
            (Some(before), None) => ("DELETED", Pod { version: self.version, ..before }),
        };
        Some(told(kind, &object(&pod)))
    }
}

/// A pod that was there when the watch began.
pub(super) fn found(pod: &Pod) -> Value {
    told("ADDED", &object(pod))
}

/// Nothing has happened up to this version.
pub(super) fn nothing_until(version: u64) -> Value {
    told("BOOKMARK", &bookmark(version))
}

/// The watch cannot go on.
pub(super) fn error(status: &Value) -> Value {
    told("ERROR", status)
}

fn told(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}
