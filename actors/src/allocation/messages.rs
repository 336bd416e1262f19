//! What the allocator sends, and what it answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{Message, MessageResponse};
use tokio::time::Instant;

use super::{Hold, Plan};
use crate::domain::{Reason, ServiceRef, Snapshot};

/// `PortAllocator` → `ConfigWriter` and `HaproxySupervisor`: which container is to be on which port.
///
/// Revisions only grow, also across restarts as long as the newest one was saved.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct PlanChanged(pub Arc<Plan>);

/// The admin side → `PortAllocator`: which container is to be on which port, and why?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "AllocationReport")]
pub struct ReportAllocation;

/// What the allocator answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct AllocationReport {
    /// The newest plan; `None` before the first.
    pub plan: Option<Arc<Plan>>,
    /// Each mapping's, in the order of the settings.
    pub pools: Vec<PoolReport>,
}

/// What is known of one mapping beside its plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolReport {
    /// The service.
    pub service: ServiceRef,
    /// What its source said last; `None` if it has not said anything yet.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Why no container is mapped, if none is.
    pub nothing_mapped: Option<Reason>,
    /// The ports that are held for a while.
    pub held: BTreeMap<u16, Held>,
}

/// A port that is held for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What holds it.
    pub by: Hold,
    /// Since when; `None` if that is not known.
    pub since: Option<Instant>,
    /// Until when at most.
    pub until: Instant,
    /// For which container.
    pub uuid: Arc<str>,
    /// How long it may take in all, by the settings.
    pub at_most: Duration,
}

/// The admin side → `PortAllocator`: end what holds this port, because a person says so. Answers what held it; `None` if
/// nothing did.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Option<Hold>")]
pub struct ReleasePort {
    /// The port.
    pub port: u16,
    /// The user who asks.
    pub uid: u32,
}

impl AllocationReport {
    /// The ports whose containers linger, and until when at most.
    pub fn lingering(&self) -> impl Iterator<Item = (u16, Instant)> {
        let held = self.pools.iter().flat_map(|pool| &pool.held);
        held.filter(|(_, held)| held.by == Hold::Lingering).map(|(port, held)| (*port, held.until))
    }
}
