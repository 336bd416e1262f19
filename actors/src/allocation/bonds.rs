//! What containers have in common. Pure.
//!
//! Two containers with an index have nothing to do with each other unless they share that index or an address: the
//! rules know no other bond.

use std::{net::IpAddr, num::NonZeroU64, sync::Arc};

use rustc_hash::FxHashMap;

use super::eligibility::own_address;
use crate::metadata::{Change, Container, ServiceIndex};

/// Something that containers may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Bond {
    Index(NonZeroU64),
    Address(IpAddr),
}

/// Who has which bonds, from one snapshot to the next.
#[derive(Debug, Default)]
pub(super) struct Bonds {
    containers: FxHashMap<Bond, Vec<Arc<Container>>>,
    without_index: usize,
}

impl Bond {
    /// Those of a container.
    pub(super) fn of(container: &Container) -> impl Iterator<Item = Self> {
        let index = match container.index {
            ServiceIndex::Numbered(index) => Some(Self::Index(index)),
            ServiceIndex::Unusable => None,
        };
        index.into_iter().chain(own_address(container).map(Self::Address))
    }
}

impl Bonds {
    /// Takes note of what has changed.
    pub(super) fn follow(&mut self, changes: &[Change]) {
        for Change { was, is } in changes {
            was.iter().for_each(|was| self.remove(was));
            is.iter().for_each(|is| self.add(is));
        }
    }

    /// Whether every container has an index.
    pub(super) fn all_have_an_index(&self) -> bool {
        self.without_index == 0
    }

    /// The containers that share this, in any order.
    pub(super) fn who_share(&self, bond: Bond) -> &[Arc<Container>] {
        self.containers.get(&bond).map(Vec::as_slice).unwrap_or_default()
    }

    fn add(&mut self, container: &Arc<Container>) {
        self.without_index += usize::from(container.index == ServiceIndex::Unusable);
        for bond in Bond::of(container) {
            self.containers.entry(bond).or_default().push(Arc::clone(container));
        }
    }

    fn remove(&mut self, container: &Arc<Container>) {
        self.without_index -= usize::from(container.index == ServiceIndex::Unusable);
        for bond in Bond::of(container) {
            let Some(who_share) = self.containers.get_mut(&bond) else { continue };
            // Some without identity may be equal.
            if let Some(place) = who_share.iter().position(|other| other == container) {
                who_share.swap_remove(place);
            }
            if who_share.is_empty() {
                self.containers.remove(&bond);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        metadata::{PublishedPorts, Snapshot},
        testing::{container, snapshot},
    };

    fn any_snapshot() -> impl Strategy<Value = Snapshot> {
        let container = (prop::option::weighted(0.9, 1..4_u64), prop::option::weighted(0.9, 0..4_u8));
        vec(prop::option::of(container), 6).prop_map(|containers| {
            let containers = containers.into_iter().zip(1..).filter_map(|(container, age)| {
                let (index, address) = container?;
                let primary_ip = address.map(|address| format!("10.42.0.{address}").as_str().into());
                Some(Container { primary_ip, ..self::container(&format!("u{age}"), age, index) })
            });
            snapshot(containers, PublishedPorts::default())
        })
    }

    /// The uuids of those who share each bond, and how many have no index.
    fn told(bonds: &Bonds) -> (BTreeMap<String, BTreeSet<String>>, usize) {
        let uuids =
            |containers: &Vec<Arc<Container>>| containers.iter().map(|c| c.uuid.to_string()).collect();
        let shared = bonds.containers.iter().map(|(bond, who)| (format!("{bond:?}"), uuids(who)));
        (shared.collect(), bonds.without_index)
    }

    proptest! {
        #[test]
        fn they_are_those_of_the_last_snapshot(snapshots in vec(any_snapshot(), 1..6)) {
            let (mut bonds, mut last) = (Bonds::default(), Snapshot::default());
            for snapshot in snapshots {
                bonds.follow(&snapshot.changes_since(&last));
                let mut anew = Bonds::default();
                anew.follow(&snapshot.changes_since(&Snapshot::default()));
                prop_assert_eq!(told(&bonds), told(&anew));
                let expected = |bond| snapshot.containers.iter().filter(move |c| Bond::of(c).any(|b| b == bond));
                for bond in snapshot.containers.iter().flat_map(|container| Bond::of(container)) {
                    prop_assert_eq!(bonds.who_share(bond).len(), expected(bond).count());
                }
                prop_assert_eq!(
                    bonds.all_have_an_index(),
                    snapshot.containers.iter().all(|c| c.index != ServiceIndex::Unusable)
                );
                last = snapshot;
            }
        }
    }
}
