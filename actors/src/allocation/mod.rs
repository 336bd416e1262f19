//! The second stage: who gets which port.

mod allocator;
mod assign;
mod bonds;
mod concerned;
mod decide;
mod eligibility;
mod flapping;
mod guard;
mod plan;
mod pool;
mod probe;
mod report;
mod size;
mod state_file;
mod still_running;
mod takeover;

pub use allocator::{AllocatorSettings, PoolSettings, PortAllocator};
pub(crate) use assign::{Assignments, Rules, Tombstone, assign};
pub(crate) use eligibility::split;
pub(crate) use flapping::Flaps;
pub(crate) use guard::Hold;
pub use plan::{MappingPlan, Occupant, Plan, Unmapped};
pub use pool::plan_once;
pub use probe::{Probe, TcpProbe};
pub use state_file::{SavedMapping, SavedState, SavedTombstone, StateError, StateFile, StateStore};
pub(crate) use takeover::Reached;
