//! What the metadata says of a service, as plain values.

use std::{collections::BTreeSet, num::NonZeroU64, sync::Arc};

/// One service at one moment. Two snapshots are equal when nothing that matters to stalls differs; the
/// order of the containers in the document does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Its containers, ordered by (`create_index`, `uuid`), each uuid once.
    pub containers: Vec<Container>,
    /// What stalls' own service publishes.
    pub published: PublishedPorts,
}

/// One container as the metadata tells of it. Texts are untrusted: they go to the log and the state file
/// only, never to HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Identity across documents: `uuid`, else `external_id`, else `name`; empty when it has none.
    pub uuid: Arc<str>,
    /// The container's name, for people.
    pub name: Arc<str>,
    /// Its `service_index`.
    pub index: ServiceIndex,
    /// Counts up for ever within the service: the higher, the newer. 0 when missing.
    pub create_index: u64,
    /// `state`, such as `running`; `None` when missing.
    pub state: Option<String>,
    /// `primary_ip` as it stands there; `None` when missing or empty.
    pub primary_ip: Option<String>,
}

/// A container's `service_index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceIndex {
    /// A whole number from 1 up.
    Numbered(NonZeroU64),
    /// Missing, or nothing that counts from 1.
    Unusable,
}

/// The container ports that stalls' own service publishes; empty when it publishes none or is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedPorts(pub BTreeSet<u16>);

impl PublishedPorts {
    /// The length of the unbroken run of ports that starts with `base`; `None` when `base` is not published.
    pub fn run_from(&self, base: u16) -> Option<u16> {
        let length = (base..=u16::MAX).take_while(|port| self.0.contains(port)).count();
        u16::try_from(length).ok().filter(|length| *length > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_gap() {
        let ports = PublishedPorts([4999, 5000, 5001, 5003].into());
        assert_eq!(ports.run_from(5000), Some(2));
        assert_eq!(ports.run_from(5002), None);
        assert_eq!(PublishedPorts([65534, 65535].into()).run_from(65534), Some(2));
    }
}
