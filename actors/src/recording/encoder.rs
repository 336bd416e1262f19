//! From inputs to lines. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use super::format::{Begin, Header, Line, LineInput, PlanDigest, SnapshotChange, VERSION};
use crate::{
    allocation::{Decision, Input, Plan},
    domain::{ServiceRef, Snapshot},
    messages::ServiceChanged,
};

/// An input with its outcome, which shares all that is large.
#[derive(Debug)]
pub(super) struct Entry {
    at: Duration,
    input: Input,
    local: BTreeSet<IpAddr>,
    /// The plan that was in force, and the next one.
    plan: Option<(Option<Arc<Plan>>, Arc<Plan>)>,
}

impl Entry {
    pub(super) fn new(at: Duration, input: Input, decision: &Decision) -> Self {
        let plan = decision.plan.as_ref().map(|plan| (decision.before.clone(), Arc::clone(plan)));
        Self { at, input, local: decision.local.clone(), plan }
    }
}

/// Writes the lines of one segment.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    newest: BTreeMap<ServiceRef, Arc<Snapshot>>,
}

impl Encoder {
    /// The first line, and an encoder for all others.
    pub(super) fn begin(at: Duration, wall_ms: u64, begin: Begin) -> serde_json::Result<(Self, Vec<u8>)> {
        let stalls = env!("CARGO_PKG_VERSION").to_owned();
        let mut line = serde_json::to_vec(&Header { recording: VERSION, stalls, at, wall_ms, begin })?;
        line.push(b'\n');
        Ok((Self::default(), line))
    }

    /// Appends the line of an input.
    pub(super) fn append(&mut self, entry: Entry, lines: &mut Vec<u8>) -> serde_json::Result<()> {
        let Entry { at, input, local, plan } = entry;
        let input = match input {
            Input::ServiceChanged(changed) => LineInput::ServiceChanged(Box::new(self.change(changed))),
            Input::Ready(target) => LineInput::Ready(target),
            Input::Verdict(target, verdict) => LineInput::Verdict(target, verdict),
            Input::Released(port) => LineInput::Released(port),
            Input::TimePassed => LineInput::TimePassed,
            Input::GraceOver => LineInput::GraceOver,
        };
        let plan = plan.map(|(before, plan)| PlanDigest::of(&plan, before.as_deref()));
        serde_json::to_writer(&mut *lines, &Line { at, input, local, plan })?;
        lines.push(b'\n');
        Ok(())
    }

    fn change(&mut self, changed: ServiceChanged) -> SnapshotChange {
        let ServiceChanged { service, snapshot, proof_age } = changed;
        let older = self.newest.insert(service.clone(), Arc::clone(&snapshot)).unwrap_or_default();
        let changes = snapshot.changes_since(&older);
        // Containers without an identity share the empty one: they come and go together.
        let touched = changes.iter().flat_map(|change| [&change.was, &change.is]).flatten();
        let touched: BTreeSet<_> = touched.map(|container| Arc::clone(&container.uuid)).collect();
        let listed = snapshot.containers.iter().filter(|c| touched.contains(&c.uuid));
        let listed: Vec<_> = listed.map(Arc::clone).collect();
        let uuids: BTreeSet<_> = listed.iter().map(|container| &container.uuid).collect();
        let gone = touched.into_iter().filter(|uuid| !uuids.contains(uuid)).collect();
        let Snapshot { published, absence_is_proof, why_empty, .. } = &*snapshot;
        let (published, absence_is_proof, why_empty) =
            (published.clone(), *absence_is_proof, why_empty.clone());
        SnapshotChange { service, proof_age, listed, gone, published, absence_is_proof, why_empty }
    }
}
