//! An ordered map whose clones share what is the same in both.

use std::{borrow::Borrow, collections::BTreeMap, ops::Index, sync::Arc};

use itertools::{EitherOrBoth, Itertools};
use serde::{Deserialize, Serialize};

/// A page has so many neighbouring keys, which are copied when one of them changes in a clone.
const PAGE: u16 = 16;
/// A volume has so many neighbouring pages, of which all but that one stay shared then.
const PAGES: u16 = 16;

/// An ordered map by port or slot. To clone it and change a few entries costs hardly more than those, and so do
/// dropping the clone and telling how the two differ: a change of one port costs in a pool of thousands what it costs
/// in a small one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<u16, T>", into = "BTreeMap<u16, T>", bound(serialize = "T: Clone + Serialize"))]
pub struct PagedMap<T> {
    /// By number; none is empty.
    volumes: BTreeMap<u16, Arc<Volume<T>>>,
    /// The number of entries.
    len: usize,
}

/// Neighbouring pages, by number; none is empty.
type Volume<T> = BTreeMap<u16, Arc<Page<T>>>;
type Page<T> = BTreeMap<u16, T>;

impl<T> PagedMap<T> {
    /// The value of a key.
    pub fn get(&self, key: &u16) -> Option<&T> {
        self.page_at(Self::page_of(*key))?.get(key)
    }

    /// Whether it has this key.
    pub fn contains_key(&self, key: &u16) -> bool {
        self.get(key).is_some()
    }

    /// All entries, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&u16, &T)> {
        self.pages().flat_map(|page| page.iter())
    }

    /// The number of the page that has, or would have, this key.
    pub fn page_of(key: u16) -> u16 {
        key / PAGE
    }

    /// The entries of one page, ordered by key.
    pub fn page(&self, number: u16) -> impl Iterator<Item = (&u16, &T)> {
        entries(self.page_at(number))
    }

    fn pages(&self) -> impl Iterator<Item = &Arc<Page<T>>> {
        self.volumes.values().flat_map(|volume| volume.values())
    }

    fn page_at(&self, number: u16) -> Option<&Arc<Page<T>>> {
        self.volumes.get(&(number / PAGES))?.get(&number)
    }

    /// All keys, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &u16> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.volumes.is_empty()
    }
}

impl<T: Clone> PagedMap<T> {
    /// Adds an entry; gives back the one that it replaces.
    pub fn insert(&mut self, key: u16, value: T) -> Option<T> {
        let number = Self::page_of(key);
        let volume = Arc::make_mut(self.volumes.entry(number / PAGES).or_default());
        let replaced = Arc::make_mut(volume.entry(number).or_default()).insert(key, value);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Takes an entry away.
    pub fn remove(&mut self, key: &u16) -> Option<T> {
        let number = Self::page_of(*key);
        let volume = Arc::make_mut(self.volumes.get_mut(&(number / PAGES))?);
        let page = Arc::make_mut(volume.get_mut(&number)?);
        let removed = page.remove(key);
        self.len -= usize::from(removed.is_some());
        if page.is_empty() {
            volume.remove(&number);
        }
        if volume.is_empty() {
            self.volumes.remove(&(number / PAGES));
        }
        removed
    }
}

impl<T: Eq> PagedMap<T> {
    /// The keys whose values here and in `newer` differ, in their order, with both values.
    pub fn differences<'a>(&'a self, newer: &'a Self) -> impl Iterator<Item = Difference<'a, T>> {
        not_shared(&self.volumes, &newer.volumes)
            .flat_map(|(old, new)| not_shared(entries(old), entries(new)))
            .flat_map(|(old, new)| in_step(entries(old), entries(new)))
            .filter(|(_, old, new)| old != new)
    }
}

/// A key, and its value in the older and in the newer map.
pub type Difference<'a, T> = (u16, Option<&'a T>, Option<&'a T>);

fn entries<T>(part: Option<&Arc<BTreeMap<u16, T>>>) -> impl Iterator<Item = (&u16, &T)> {
    part.into_iter().flat_map(|part| part.iter())
}

/// The parts that the older and the newer map do not share.
fn not_shared<'a, P: 'a>(
    older: impl IntoIterator<Item = (&'a u16, &'a Arc<P>)>,
    newer: impl IntoIterator<Item = (&'a u16, &'a Arc<P>)>,
) -> impl Iterator<Item = (Option<&'a Arc<P>>, Option<&'a Arc<P>>)> {
    in_step(older, newer).map(|(_, old, new)| (old, new)).filter(|parts| match parts {
        (Some(old), Some(new)) => !Arc::ptr_eq(old, new),
        _ => true,
    })
}

/// Both, entry by entry, where each is ordered by key.
pub fn in_step<K: Borrow<u16>, A, L: Borrow<u16>, B>(
    a: impl IntoIterator<Item = (K, A)>,
    b: impl IntoIterator<Item = (L, B)>,
) -> impl Iterator<Item = (u16, Option<A>, Option<B>)> {
    a.into_iter().merge_join_by(b, |(a, _), (b, _)| a.borrow().cmp(b.borrow())).map(|entry| match entry {
        EitherOrBoth::Left((key, a)) => (*key.borrow(), Some(a), None),
        EitherOrBoth::Right((key, b)) => (*key.borrow(), None, Some(b)),
        EitherOrBoth::Both((key, a), (_, b)) => (*key.borrow(), Some(a), Some(b)),
    })
}

impl<T> Default for PagedMap<T> {
    fn default() -> Self {
        Self { volumes: BTreeMap::new(), len: 0 }
    }
}

impl<T> FromIterator<(u16, T)> for PagedMap<T> {
    fn from_iter<I: IntoIterator<Item = (u16, T)>>(entries: I) -> Self {
        let mut pages = BTreeMap::<u16, Page<T>>::new();
        for (key, value) in entries {
            pages.entry(Self::page_of(key)).or_default().insert(key, value);
        }
        let len = pages.values().map(BTreeMap::len).sum();
        let mut volumes = BTreeMap::<u16, Volume<T>>::new();
        for (number, page) in pages {
            volumes.entry(number / PAGES).or_default().insert(number, Arc::new(page));
        }
        let volumes = volumes.into_iter().map(|(number, volume)| (number, Arc::new(volume)));
        Self { volumes: volumes.collect(), len }
    }
}

impl<T, const N: usize> From<[(u16, T); N]> for PagedMap<T> {
    fn from(entries: [(u16, T); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<T> From<BTreeMap<u16, T>> for PagedMap<T> {
    fn from(entries: BTreeMap<u16, T>) -> Self {
        entries.into_iter().collect()
    }
}

impl<T: Clone> From<PagedMap<T>> for BTreeMap<u16, T> {
    fn from(map: PagedMap<T>) -> Self {
        map.iter().map(|(key, value)| (*key, value.clone())).collect()
    }
}

impl<T> Index<&u16> for PagedMap<T> {
    type Output = T;

    fn index(&self, key: &u16) -> &T {
        let number = Self::page_of(*key);
        &self.volumes[&(number / PAGES)][&number][key]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Entries over some pages of some volumes, with the first and the last key.
    fn entries() -> impl Strategy<Value = Vec<(u16, u8)>> {
        let key = prop_oneof![0..100_u16, 240..270_u16, u16::MAX - 3..=u16::MAX];
        vec((key, 0..3_u8), 0..80)
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_map(inserted in entries(), removed in entries()) {
            let (mut map, mut model) = (PagedMap::default(), BTreeMap::new());
            for (key, value) in inserted {
                prop_assert_eq!(map.insert(key, value), model.insert(key, value));
            }
            for (key, _) in removed {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
                prop_assert_eq!(map.get(&key), None);
            }
            prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            prop_assert!(map.iter().eq(&model));
            prop_assert!(model.iter().all(|(key, value)| map.get(key) == Some(value) && map[key] == *value));
            prop_assert_eq!(&PagedMap::from(model.clone()), &map);
            prop_assert_eq!(BTreeMap::from(map), model);
        }

        #[test]
        fn the_differences_are_those_of_the_entries(old in entries(), new in entries(), share: bool) {
            let old: PagedMap<_> = old.into_iter().collect();
            let mut newer = if share { old.clone() } else { PagedMap::default() };
            for (key, value) in new {
                newer.insert(key, value);
            }
            let keys: BTreeSet<_> = old.keys().chain(newer.keys()).copied().collect();
            let expected: Vec<_> = keys.into_iter().filter(|key| old.get(key) != newer.get(key)).collect();
            let differ: Vec<_> = old.differences(&newer).collect();
            prop_assert_eq!(differ.iter().map(|(key, ..)| *key).collect::<Vec<_>>(), expected);
            prop_assert!(differ.iter().all(|(key, was, is)| *was == old.get(key) && *is == newer.get(key)));
            prop_assert_eq!(old == newer, differ.is_empty());
        }

        #[test]
        fn a_clone_keeps_to_itself(entries in entries(), key in 0..100_u16) {
            let map: PagedMap<_> = entries.into_iter().collect();
            let before = BTreeMap::from(map.clone());
            let mut changed = map.clone();
            changed.insert(key, 9);
            changed.remove(&(key + 1));
            prop_assert_eq!(BTreeMap::from(map), before);
        }
    }

    #[test]
    fn only_the_page_of_a_change_is_copied() {
        let map: PagedMap<_> = (0..1000).map(|key| (key, 0)).collect();
        let mut changed = map.clone();
        changed.insert(500, 1);
        let is_copied = |(a, b): &(&Arc<_>, &Arc<_>)| !Arc::ptr_eq(a, b);
        assert_eq!(map.pages().zip(changed.pages()).filter(is_copied).count(), 1);
        let volumes = map.volumes.values().zip(changed.volumes.values());
        assert_eq!(volumes.filter(|(a, b)| !Arc::ptr_eq(a, b)).count(), 1);
    }

    #[test]
    fn it_is_saved_as_a_map() {
        let map: PagedMap<_> = [(7, "a".to_owned()), (4711, "b".to_owned())].into();
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(json, r#"{"7":"a","4711":"b"}"#);
        assert_eq!(serde_json::from_str::<PagedMap<String>>(&json).unwrap(), map);
    }
}
