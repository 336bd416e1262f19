//! What the allocator sends, and what it answers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix::{Message, MessageResponse};

use super::Plan;

/// `PortAllocator` → `ConfigWriter` and `HaproxySupervisor`: which container is to be on which port.
///
/// Revisions only grow, also across restarts as long as the newest one was saved.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct PlanChanged(pub Arc<Plan>);

/// The admin side → `PortAllocator`: which ports keep containers that are missing?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "AllocationReport")]
pub struct ReportAllocation;

/// What the allocator answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct AllocationReport {
    /// The ports whose containers linger: they are missing, and show that they are there.
    pub lingering_ports: BTreeSet<u16>,
    /// The services of which no container is mapped, each with the reason.
    pub nothing_mapped: Vec<String>,
    /// When the first of them is freed, if its container is still missing then; `None` if there are none.
    pub lingering_for: Option<Duration>,
}
