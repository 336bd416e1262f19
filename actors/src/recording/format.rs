//! The lines of a segment.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    allocation::{AllocatorSettings, Decider, Plan},
    domain::{Container, PublishedPorts, ServiceRef},
    in_ns,
    probing::{Target, Verdict},
    state::SavedState,
};

/// The layout of all lines. Another number is another layout.
pub(super) const VERSION: u32 = 2;

/// What the first line of every version has.
#[derive(Debug, Deserialize)]
pub(super) struct AnyVersion {
    pub(super) recording: u32,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// [`VERSION`].
    pub(super) recording: u32,
    /// The version of stalls.
    pub(super) stalls: String,
    /// When the segment begins.
    #[serde(rename = "at_ns", with = "in_ns")]
    pub(super) at: Duration,
    /// What the wall clock showed then, since 1970 and in milliseconds: for people.
    pub(super) wall_ms: u64,
    pub(super) begin: Begin,
}

/// What was known when a segment begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Begin {
    /// stalls starts, with what it had saved.
    Start { settings: AllocatorSettings, state: SavedState },
    /// It goes on after the segment before, or after inputs that were lost.
    Further(Box<Decider>),
}

/// Every other line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "at_ns", with = "in_ns")]
    pub(super) at: Duration,
    #[serde(flatten)]
    pub(super) input: LineInput,
    /// The containers' addresses that were found to be of this network namespace.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) local: BTreeSet<IpAddr>,
    /// The plan that it led to, if that was a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plan: Option<PlanDigest>,
}

/// An input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineInput {
    ServiceChanged(Box<SnapshotChange>),
    Ready(Target),
    Verdict(Target, Verdict),
    Released(u16),
    TimePassed,
    GraceOver,
}

/// A snapshot, by what differs from the one of this service on an earlier line of the segment; all, if there is none.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SnapshotChange {
    pub(super) service: ServiceRef,
    #[serde(rename = "proof_age_ns", with = "in_ns")]
    pub(super) proof_age: Duration,
    /// The containers that are new or not as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) listed: Vec<Arc<Container>>,
    /// The uuids of those that are there no more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) gone: BTreeSet<Arc<str>>,
    #[serde(default)]
    pub(super) published: PublishedPorts,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) absence_is_proof: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why_empty: Option<Arc<str>>,
}

/// As much of a plan as shows whether another one is the same, given that those before it are.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlanDigest {
    pub(super) revision: u64,
    /// The size of each pool.
    pub(super) pools: Vec<u16>,
    /// The ports that lead to another container or address than before; `None` where they refuse now.
    pub(super) ports: BTreeMap<u16, Option<(Arc<str>, SocketAddr)>>,
    /// The ports whose containers linger.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) lingering: BTreeSet<u16>,
    /// How many containers have no port, for each kind of reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) unmapped: BTreeMap<String, u64>,
}

impl PlanDigest {
    /// Of `plan`, which comes after `before`.
    pub(super) fn of(plan: &Plan, before: Option<&Plan>) -> Self {
        let was = before.map(ports).unwrap_or_default();
        let is = ports(plan);
        let freed = was.keys().filter(|port| !is.contains_key(port)).map(|port| (*port, None));
        let led = is.iter().filter(|(port, to)| was.get(port) != Some(to));
        let led = led.map(|(port, (uuid, backend))| (*port, Some((Arc::clone(uuid), *backend))));
        let lingering = plan.mappings.iter().flat_map(|m| m.lingering.iter().map(|slot| m.port(*slot)));
        let mut unmapped = BTreeMap::new();
        for reason in plan.mappings.iter().flat_map(|mapping| mapping.unmapped.values()) {
            *unmapped.entry(reason.kind().to_owned()).or_default() += 1;
        }
        Self {
            revision: plan.revision,
            pools: plan.mappings.iter().map(|mapping| mapping.pool_size).collect(),
            ports: freed.chain(led).collect(),
            lingering: lingering.collect(),
            unmapped,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(it: &bool) -> bool {
    !it
}

fn ports(plan: &Plan) -> BTreeMap<u16, (&Arc<str>, SocketAddr)> {
    let mappings = plan.mappings.iter();
    let all = mappings.flat_map(|m| m.slots.iter().map(|(slot, a)| (m.port(*slot), (&a.uuid, a.backend))));
    all.collect()
}
