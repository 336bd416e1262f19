//! An error that lasts: logged once when it begins, once for each new kind, and once when it ends.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

/// Follows one source of errors, so that an outage of an hour is two lines in the log, not thousands.
#[derive(Debug, Default)]
pub struct Outage {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    since: Instant,
    failures: u64,
    kinds: BTreeSet<&'static str>,
}

/// An outage that is over.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// From the first failure to the first success.
    pub lasted: Duration,
    /// How often it failed.
    pub failures: u64,
}

impl Outage {
    /// Whether the last attempt failed.
    pub fn lasts(&self) -> bool {
        self.current.is_some()
    }

    /// When it began; `None` when the last attempt did not fail.
    pub fn since(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.since)
    }

    /// Notes a failure; true when it is to be logged: the first one, or the first of its kind.
    pub fn failed(&mut self, kind: &'static str, now: Instant) -> bool {
        let current =
            self.current.get_or_insert_with(|| Current { since: now, failures: 0, kinds: BTreeSet::new() });
        current.failures += 1;
        current.kinds.insert(kind)
    }

    /// Notes a success; returns the outage that it ends.
    pub fn succeeded(&mut self, now: Instant) -> Option<Ended> {
        let ended = self.current.take()?;
        Some(Ended { lasted: now - ended.since, failures: ended.failures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once_and_the_end_tells_how_long_it_lasted() {
        let start = Instant::now();
        let mut outage = Outage::default();
        assert_eq!(outage.succeeded(start), None);
        assert!(outage.failed("unreachable", start));
        assert!(!outage.failed("unreachable", start));
        assert!(outage.failed("not_found", start));
        assert!(outage.lasts());
        assert_eq!(outage.since(), Some(start));
        assert!(!outage.failed("unreachable", start));
        let lasted = Duration::from_secs(3);
        assert_eq!(outage.succeeded(start + lasted), Some(Ended { lasted, failures: 4 }));
        assert_eq!(outage.succeeded(start + lasted), None);
        assert!(!outage.lasts());
        assert_eq!(outage.since(), None);
    }
}
