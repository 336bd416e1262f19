//! What differs between two states of everything.

use std::sync::Arc;

use serde::Serialize;

use super::{EventId, Haproxy, PortStatus, Service, Source, Status, Timestamp, Unmapped};
use crate::doctor::Finding;

/// What differs from the state before. What is absent is as it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    pub(crate) id: EventId,
    pub(crate) revision: u64,
    pub(crate) hash: Arc<str>,
    pub(crate) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) services: Option<Vec<Service>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) haproxy: Option<Haproxy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unmapped: Option<Vec<Unmapped>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) findings: Option<Arc<[Finding]>>,
    /// The ports that differ, and new ones.
    pub(crate) ports: Vec<Arc<PortStatus>>,
    /// The ports that there are no longer.
    pub(crate) removed: Vec<u16>,
}

impl Difference {
    /// What leads from `old` to `new`; `None` if nothing but time has passed.
    pub(super) fn between(old: &Status, new: &Status) -> Option<Self> {
        let is_new = |port: &&Arc<PortStatus>| {
            old.ports.get(&port.port).is_none_or(|old| !Arc::ptr_eq(old, port) && !old.is_as(port))
        };
        let difference = Self {
            id: new.id,
            revision: new.revision,
            hash: Arc::clone(&new.hash),
            at: new.at,
            services: differing(&old.services, &new.services),
            source: differing(&old.source, &new.source),
            haproxy: differing(&old.haproxy, &new.haproxy),
            unmapped: differing(&old.unmapped, &new.unmapped),
            findings: differing(&old.findings, &new.findings),
            ports: new.ports.values().filter(is_new).cloned().collect(),
            removed: old.ports.keys().filter(|port| !new.ports.contains_key(port)).copied().collect(),
        };
        let Self { services, source, haproxy, unmapped, findings, ports, removed, .. } = &difference;
        let is_empty = services.is_none()
            && source.is_none()
            && haproxy.is_none()
            && unmapped.is_none()
            && findings.is_none()
            && ports.is_empty()
            && removed.is_empty()
            && old.revision == new.revision
            && old.config_problem == new.config_problem;
        (!is_empty).then_some(difference)
    }
}

fn differing<T: PartialEq + Clone>(old: &T, new: &T) -> Option<T> {
    (old != new).then(|| new.clone())
}
