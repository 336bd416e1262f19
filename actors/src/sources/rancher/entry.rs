//! A container as it stands in a document, before anything of it is kept. Pure.

use std::{collections::HashSet, num::NonZeroU64, sync::Arc};

use itertools::{EitherOrBoth, Itertools};

use super::vocabulary;
use crate::domain::{Address, Container, Health, State};

/// A container as it stands in a document, with the texts of that document. The order is that of age, the oldest
/// first; it is total, so that it does not matter where a container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry<'a> {
    pub(super) created: u64,
    pub(super) uuid: &'a str,
    pub(super) name: &'a str,
    pub(super) index: Option<NonZeroU64>,
    pub(super) state: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    pub(super) health: Option<Health>,
}

impl<'a> From<&'a Container> for Entry<'a> {
    fn from(container: &'a Container) -> Self {
        Self {
            created: container.created,
            uuid: &container.uuid,
            name: &container.name,
            index: container.index,
            state: container.state.as_ref().map(State::as_str),
            address: container.address.as_ref().map(Address::as_str),
            health: container.health,
        }
    }
}

impl From<Entry<'_>> for Container {
    fn from(entry: Entry<'_>) -> Self {
        Self {
            uuid: entry.uuid.into(),
            name: entry.name.into(),
            index: entry.index,
            created: entry.created,
            state: entry.state.map(vocabulary::state),
            address: entry.address.map(Into::into),
            port: None,
            named_ports: [].into(),
            health: entry.health,
        }
    }
}

/// The containers of `entries` by age, each uuid once, as its newest entry. One that is as it was among the `known`
/// ones, which come in the same order, is shared with them, so that it takes no memory of its own. In a large document
/// those are nearly all.
pub(super) fn containers(mut entries: Vec<Entry<'_>>, known: &[Arc<Container>]) -> Vec<Arc<Container>> {
    entries.sort_unstable_by(|a, b| b.cmp(a));
    let mut seen = HashSet::with_capacity(entries.len());
    entries.retain(|entry| entry.uuid.is_empty() || seen.insert(entry.uuid));
    entries.reverse();
    let place = |known: &&Arc<Container>, entry: &Entry<'_>| {
        (known.created, &*known.uuid).cmp(&(entry.created, entry.uuid))
    };
    let paired = known.iter().merge_join_by(entries, place);
    let containers = paired.filter_map(|pair| match pair {
        EitherOrBoth::Left(_gone) => None,
        EitherOrBoth::Both(known, entry) if entry == Entry::from(&**known) => Some(Arc::clone(known)),
        EitherOrBoth::Both(_, entry) | EitherOrBoth::Right(entry) => Some(Arc::new(entry.into())),
    });
    containers.collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::testing::container;

    fn read(read: &[Container], known: &[Arc<Container>]) -> Vec<Arc<Container>> {
        containers(read.iter().map(Entry::from).collect(), known)
    }

    #[test]
    fn what_stays_is_shared_and_what_changes_is_not() {
        let (a, b, c) = (container("a", 1, None), container("b", 2, None), container("c", 3, None));
        let older = read(&[a.clone(), b.clone()], &[]);
        let moved = Container { address: Some("10.9.9.9".into()), ..b };
        let newer = read(&[a.clone(), moved.clone(), c.clone()], &older);
        assert!(Arc::ptr_eq(&newer[0], &older[0]));
        assert_eq!(newer[1..], [Arc::new(moved), Arc::new(c)]);
        let first = read(&[a], &newer);
        assert!(first.len() == 1 && Arc::ptr_eq(&first[0], &newer[0]));
    }

    fn any_container() -> impl Strategy<Value = Container> {
        (0..4_u8, 0..4_u64, 0..3_u8, any::<bool>()).prop_map(|(uuid, age, ip, has_uuid)| Container {
            uuid: if has_uuid { format!("u{uuid}").into() } else { "".into() },
            address: Some(format!("10.0.0.{ip}").as_str().into()),
            ..container("x", age, None)
        })
    }

    proptest! {
        #[test]
        fn what_is_known_makes_no_difference_to_what_is_read(
            earlier in vec(any_container(), 0..8), now in vec(any_container(), 0..8),
        ) {
            let known = read(&earlier, &[]);
            prop_assert_eq!(read(&now, &known), read(&now, &[]));
            let again = read(&earlier, &known);
            prop_assert!(again.iter().zip(&known).all(|(again, known)| Arc::ptr_eq(again, known)));
        }
    }
}
