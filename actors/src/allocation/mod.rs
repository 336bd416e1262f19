//! The second stage: who gets which port.

mod allocator;
mod assign;
mod eligibility;
mod guard;
mod plan;
mod pool;
mod size;
mod state_file;
mod still_running;

pub use allocator::{AllocatorSettings, PoolSettings, PortAllocator};
pub(crate) use assign::{Assignments, Rules, Tombstone, assign};
pub(crate) use eligibility::split;
pub(crate) use guard::Hold;
pub use plan::{MappingPlan, Occupant, Plan, Unmapped};
pub use pool::plan_once;
pub use state_file::{SavedMapping, SavedState, SavedTombstone, StateError, StateFile, StateStore};
