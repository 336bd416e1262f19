//! Counters by kind.

use std::collections::BTreeMap;

/// How often something of each kind has happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// None yet, of each of these kinds: a counter that appears with its first count cannot be seen to grow.
    pub(crate) fn of(kinds: &[&'static str]) -> Self {
        Self(kinds.iter().map(|kind| (*kind, 0)).collect())
    }

    /// One more of this kind.
    pub(crate) fn count(&mut self, kind: &'static str) {
        debug_assert!(self.0.contains_key(kind), "{kind:?} is missing in the list of the kinds");
        *self.0.entry(kind).or_default() += 1;
    }

    /// Each kind with its number.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(kind, count)| (*kind, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_there_before_it_is_counted() {
        let mut counts = Counts::of(&["timed_out", "status"]);
        counts.count("status");
        counts.count("status");
        assert_eq!(counts.iter().collect::<Vec<_>>(), [("status", 2), ("timed_out", 0)]);
    }
}
