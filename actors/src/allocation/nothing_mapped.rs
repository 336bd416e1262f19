//! Why no container of a service is mapped. Pure.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use itertools::Itertools;

use super::Unmapped;
use crate::domain::Snapshot;

/// A service that starts, or is upgraded one container after the other, has none that is mapped for a while.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Why no container of a service is mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingMapped {
    /// The bounded label for logs and metrics: that of most containers, or `no_containers`.
    pub kind: &'static str,
    /// The reason, and what would do.
    pub reason: String,
}

/// Why, given all its containers and why each of them is unmapped.
pub(super) fn nothing_mapped(snapshot: &Snapshot, unmapped: &BTreeMap<Arc<str>, Unmapped>) -> NothingMapped {
    let kinds = unmapped.values().into_group_map_by(|reason| reason.kind());
    // Of equally many, the first by name: the same on every host.
    let most = kinds.into_iter().sorted().max_by_key(|(_, reasons)| reasons.len());
    let Some((kind, reasons)) = most else {
        let why = snapshot.why_empty.as_deref();
        let why =
            why.unwrap_or("the service has no containers; scale it up, or name another one by SERVICE_NAME");
        return NothingMapped { kind: "no_containers", reason: why.to_owned() };
    };
    let (of_kind, all) = (reasons.len(), unmapped.len());
    let example = reasons.first().map(ToString::to_string).unwrap_or_default();
    let reason = match of_kind == all {
        true => format!("of {all} containers none can be mapped: {example}"),
        false => format!("of {all} containers none can be mapped; of {of_kind} of them: {example}"),
    };
    NothingMapped { kind, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_running() -> Unmapped {
        Unmapped::NotRunning { state: "stopped".into() }
    }

    fn why(unmapped: &[Unmapped]) -> (&'static str, String) {
        let unmapped = unmapped.iter().zip(1..).map(|(reason, n)| (format!("u{n}").into(), reason.clone()));
        let NothingMapped { kind, reason } = nothing_mapped(&Snapshot::default(), &unmapped.collect());
        (kind, reason)
    }

    #[test]
    fn the_reason_of_most_containers_is_the_one_that_is_named() {
        let (kind, reason) = why(&[not_running(), Unmapped::NoAddress, not_running()]);
        assert_eq!(kind, "not_running");
        assert_eq!(reason, r#"of 3 containers none can be mapped; of 2 of them: its state is "stopped""#);
        assert_eq!(why(&[Unmapped::NoAddress]).1, "of 1 containers none can be mapped: it has no address");
    }

    #[test]
    fn a_service_without_containers_has_the_sources_reason_if_there_is_one() {
        assert_eq!(why(&[]).0, "no_containers");
        assert!(why(&[]).1.starts_with("the service has no containers; "));
        let snapshot = Snapshot { why_empty: Some("it is a balancer".into()), ..Snapshot::default() };
        assert_eq!(nothing_mapped(&snapshot, &[].into()).reason, "it is a balancer");
    }
}
