//! From lines back to inputs. What is in them is not trusted. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use itertools::Itertools;

use super::format::{AnyVersion, Begin, Header, Line, LineInput, SnapshotChange, VERSION};
use crate::{
    allocation::{Decider, Input},
    domain::{Container, ServiceRef, Snapshot},
    excerpt::excerpt,
    messages::ServiceChanged,
};

/// Reads the first line of a segment.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn header(line: &[u8]) -> Result<Header, String> {
    let AnyVersion { recording } =
        serde_json::from_slice(line).map_err(|error| excerpt(&error.to_string()))?;
    if recording != VERSION {
        return Err(format!(
            "its format is {recording}, this version of stalls knows {VERSION}: replay it with the version of stalls \
             that has recorded it"
        ));
    }
    serde_json::from_slice(line).map_err(|error| excerpt(&error.to_string()))
}

/// The decider that a segment begins with.
///
/// # Errors
/// It contradicts itself, as none does that stalls has recorded.
pub(super) fn decider(begin: Begin) -> Result<Decider, String> {
    let decider = match begin {
        Begin::Start { settings, state } => Decider::new(settings, &state),
        Begin::Further(decider) => *decider,
    };
    if decider.is_sound() { Ok(decider) } else { Err("what it begins with contradicts itself".to_owned()) }
}

/// Reads the other lines of one segment.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    newest: BTreeMap<ServiceRef, Arc<Snapshot>>,
}

impl Decoder {
    /// The input of a line.
    pub(super) fn input(&mut self, input: LineInput) -> Input {
        match input {
            LineInput::ServiceChanged(change) => Input::ServiceChanged(self.changed(*change)),
            LineInput::Ready(target) => Input::Ready(target),
            LineInput::Verdict(target, verdict) => Input::Verdict(target, verdict),
            LineInput::Released(port) => Input::Released(port),
            LineInput::TimePassed => Input::TimePassed,
            LineInput::GraceOver => Input::GraceOver,
        }
    }

    fn changed(&mut self, change: SnapshotChange) -> ServiceChanged {
        let SnapshotChange { service, proof_age, listed, gone, published, absence_is_proof, why_empty } =
            change;
        let older = self.newest.remove(&service).unwrap_or_default();
        let touched: BTreeSet<_> = listed.iter().map(|c| &c.uuid).chain(&gone).collect();
        let kept = older.containers.iter().filter(|c| !touched.contains(&c.uuid)).cloned();
        let containers = by_age(kept.chain(listed.iter().cloned()));
        let snapshot = Arc::new(Snapshot { containers, published, absence_is_proof, why_empty });
        self.newest.insert(service.clone(), Arc::clone(&snapshot));
        ServiceChanged { service, snapshot, proof_age }
    }
}

/// The oldest first, and each uuid once, as every snapshot has them.
fn by_age(containers: impl Iterator<Item = Arc<Container>>) -> Vec<Arc<Container>> {
    let mut seen = HashSet::new();
    let once = containers.filter(|c| c.uuid.is_empty() || seen.insert(Arc::clone(&c.uuid)));
    once.sorted_by(|a, b| (a.created, &a.uuid).cmp(&(b.created, &b.uuid))).collect()
}

/// Reads a line.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn line(line: &[u8]) -> Result<Line, String> {
    serde_json::from_slice(line).map_err(|error| excerpt(&error.to_string()))
}
