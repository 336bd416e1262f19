//! What the metadata says of a service, as plain values.

use std::{cmp::Ordering, sync::Arc};

use itertools::{EitherOrBoth, Itertools};
use rangemap::RangeInclusiveSet;

use super::Container;

/// One service at one moment. Two snapshots are equal when nothing that matters to stalls differs; the
/// order of the containers in the document does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Its containers, ordered by (`create_index`, `uuid`), each uuid once.
    /// Those that are as they were in the snapshot before it are shared with it.
    pub containers: Vec<Arc<Container>>,
    /// What stalls' own service publishes.
    pub published: PublishedPorts,
}

impl Snapshot {
    /// A snapshot of `containers`, which come in the order that is told above. What is as it was in `previous` takes
    /// no memory of its own, and is not compared again by anyone.
    pub(crate) fn after(
        previous: Option<&Self>,
        containers: Vec<Container>,
        published: PublishedPorts,
    ) -> Self {
        let known = previous.map(|previous| previous.containers.as_slice()).unwrap_or_default();
        let shared = known.iter().merge_join_by(containers, |known, new| {
            (known.create_index, &known.uuid).cmp(&(new.create_index, &new.uuid))
        });
        let containers = shared.filter_map(|container| match container {
            EitherOrBoth::Left(_gone) => None,
            EitherOrBoth::Both(known, new) if **known == new => Some(Arc::clone(known)),
            EitherOrBoth::Both(_, new) | EitherOrBoth::Right(new) => Some(Arc::new(new)),
        });
        Self { containers: containers.collect(), published }
    }

    /// The containers that are not as they were in `older`, as they were and as they are.
    pub(crate) fn changes_since<'a>(
        &'a self,
        older: &'a Self,
    ) -> impl Iterator<Item = (Option<&'a Container>, Option<&'a Container>)> {
        let place = |was: &&Arc<Container>, is: &&Arc<Container>| {
            // What is shared need not be looked at.
            if Arc::ptr_eq(was, is) {
                return Ordering::Equal;
            }
            (was.create_index, &was.uuid).cmp(&(is.create_index, &is.uuid))
        };
        let pairs = older.containers.iter().merge_join_by(&self.containers, place);
        pairs
            .map(|pair| (pair.clone().left(), pair.right()))
            .filter(|(was, is)| was != is)
            .map(|(was, is)| (was.map(Arc::as_ref), is.map(Arc::as_ref)))
    }
}

/// The container ports that stalls' own service publishes; empty when it publishes none or is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedPorts(pub RangeInclusiveSet<u16>);

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
    use crate::testing::container;

    #[test]
    fn what_stays_is_shared_and_what_changes_is_not() {
        let (a, b, c) = (container("a", 1, None), container("b", 2, None), container("c", 3, None));
        let older = Snapshot::after(None, vec![a.clone(), b.clone()], PublishedPorts::default());
        let moved = Container { primary_ip: Some("10.9.9.9".into()), ..b };
        let newer =
            Snapshot::after(Some(&older), vec![a, moved.clone(), c.clone()], PublishedPorts::default());
        assert!(Arc::ptr_eq(&newer.containers[0], &older.containers[0]));
        assert_eq!(newer.containers[1..], [Arc::new(moved), Arc::new(c)]);
        let first = Snapshot::after(Some(&newer), vec![container("a", 1, None)], PublishedPorts::default());
        assert_eq!(first.containers, newer.containers[..1]);
    }

    #[test]
    fn a_run_ends_at_the_first_gap() {
        let ports = PublishedPorts([4999..=4999, 5000..=5001, 5003..=5003].into_iter().collect());
        assert_eq!(ports.run_from(5000), Some(2));
        assert_eq!(ports.run_from(5002), None);
        assert_eq!(PublishedPorts([65534..=65535].into_iter().collect()).run_from(65534), Some(2));
    }
}
