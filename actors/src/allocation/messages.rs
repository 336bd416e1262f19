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

/// The admin side → `PortAllocator`: which ports are held against the metadata?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "AllocationReport")]
pub struct ReportAllocation;

/// What the allocator answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct AllocationReport {
    /// The ports whose containers are gone in a mass removal that is held back.
    pub held_ports: BTreeSet<u16>,
    /// When they are freed, if the metadata still says so then; `None` if there are none.
    pub held_for: Option<Duration>,
}
