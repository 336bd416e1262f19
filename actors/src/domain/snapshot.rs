//! One service's containers at one moment.

use std::{cmp::Ordering, sync::Arc};

use itertools::Itertools;
use rangemap::RangeInclusiveSet;
use serde::{Deserialize, Serialize};

use super::Container;

/// One service at one moment. Two snapshots are equal when nothing that matters to stalls differs; the
/// order of the containers in the document does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its containers, ordered by (`created`, `uuid`), each uuid once.
    /// Those that are as they were in the snapshot before it are shared with it.
    pub containers: Vec<Arc<Container>>,
    /// What stalls' own service publishes.
    pub published: PublishedPorts,
    /// Whether a container that is not listed is gone for sure (rule 6).
    #[serde(default)]
    pub absence_is_proof: bool,
    /// Why it has no containers, if it has none and the source knows why; with what would do.
    pub why_empty: Option<Arc<str>>,
}

/// A container that is not as it was.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// How it was; `None` if it has come.
    pub(crate) was: Option<Arc<Container>>,
    /// How it is; `None` if it has gone.
    pub(crate) is: Option<Arc<Container>>,
}

impl Snapshot {
    /// The containers that are not as they were in `older`.
    pub(crate) fn changes_since(&self, older: &Self) -> Vec<Change> {
        let place = |was: &&Arc<Container>, is: &&Arc<Container>| {
            // What is shared need not be looked at.
            if Arc::ptr_eq(was, is) {
                return Ordering::Equal;
            }
            (was.created, &was.uuid).cmp(&(is.created, &is.uuid))
        };
        let pairs = older.containers.iter().merge_join_by(&self.containers, place);
        let pairs = pairs.map(|pair| (pair.clone().left(), pair.right()));
        let changes = pairs.filter(|(was, is)| was != is);
        changes.map(|(was, is)| Change { was: was.cloned(), is: is.cloned() }).collect()
    }
}

/// The ports of its own container that stalls' service publishes; empty when it publishes none or is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u16, u16)>", into = "Vec<(u16, u16)>")]
pub struct PublishedPorts(pub RangeInclusiveSet<u16>);

impl From<Vec<(u16, u16)>> for PublishedPorts {
    /// A run that ends before it begins has no port.
    fn from(runs: Vec<(u16, u16)>) -> Self {
        Self(
            runs.into_iter()
                .filter(|(first, last)| first <= last)
                .map(|(first, last)| first..=last)
                .collect(),
        )
    }
}

impl From<PublishedPorts> for Vec<(u16, u16)> {
    fn from(PublishedPorts(runs): PublishedPorts) -> Self {
        runs.iter().map(|run| (*run.start(), *run.end())).collect()
    }
}

impl PublishedPorts {
    /// The length of the unbroken run of ports that starts with `base`; `None` when `base` is not published.
    pub fn run_from(&self, base: u16) -> Option<u16> {
        let run = self.0.get(&base)?;
        // From port 0 on there would be 65536.
        Some((run.end() - base).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_gap() {
        let ports = PublishedPorts([4999..=4999, 5000..=5001, 5003..=5003].into_iter().collect());
        assert_eq!(ports.run_from(5000), Some(2));
        assert_eq!(ports.run_from(5002), None);
        assert_eq!(PublishedPorts([65534..=65535].into_iter().collect()).run_from(65534), Some(2));
    }
}
