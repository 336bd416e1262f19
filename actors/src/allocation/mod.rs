//! The second stage: which container gets which port.
//!
//! ```text
//!              rules 1, 9      rule 6        rules 2 to 5
//! snapshot ──> eligible ─────> linger ─────> assign ─────> plan
//!                              (previous)    (previous)
//! ```
//!
//! `Pool::decide` is this line; each step is a function from values to values. All containers of the newest snapshot
//! are decided anew each time, together with those that linger and with what was decided before.
//!
//! # The rules
//!
//! Slot *k* (from 0) is port `BASE_PORT + k`. The first slot of a pool is its base port.
//!
//! 1. **Eligible**: a container that runs, starts or restarts, or whose state is unknown, has an identity, and has an
//!    address that is an IP address, not unspecified, and loopback only with `ALLOW_LOOPBACK=true`. It is never one of
//!    stalls' own listeners; a port of the pool that the container needs for itself is not taken. Of several eligible
//!    containers of a service at one address and port the newest is reached there; of several services, nobody knows which. Everything else is listed with the reason, never mapped.
//! 2. **By index**: index *i* ≥ 1 goes to slot *i − 1*. All hosts see the same index, so they agree without talking. An
//!    index counts within one service: containers that a selector has brought from others count as without index.
//! 3. **Without a usable index**: the slot that it has, or had a moment ago; else, in order of creation, the lowest
//!    slot that is free and not reserved. A freed slot is reserved for its last container for `PORT_REUSE_DELAY_MS`,
//!    so that a client of that one does not land on another. An index is stronger than a place that is kept or
//!    reserved.
//! 4. **Two claim one slot** (an upgrade): the newest ready one owns it. The incumbent keeps the slot until a newer one
//!    is ready: healthy, or, without a health check, it accepts a connection.
//! 5. **Outside the pool**: an index past the pool's end is not mapped, and its container gets no other slot. A pool
//!    without `PORT_COUNT` grows as far as it may before that; it never shrinks.
//! 6. **Leaving**: a container that is said to stop, or is missing in a list that is proof, frees its slot. One that is
//!    missing without a word, or that lacks its address, *lingers*: it keeps its slot while it shows that it is there, for `LINGER_MS` at most.
//!    - It was listed no more than 30 s ago, or it has no slot from now on and its connections drain.
//!    - It is an incumbent by rule 4, with its age. If it was unhealthy when it was listed last, any claimant that
//!      accepts a connection is better. It gives way at once to a container that is listed with its address and port.
//!    - If it has no index, it is as by rule 3, but never gets another slot. It makes no pool grow; where no slot is
//!      free, the one that has lingered for longest yields to a newcomer of rule 3.
//!    - When it gives way to a successor or to time, its connections drain; when it is gone, they go by `ON_LEAVE`.
//!    - Saved assignments never let a container linger. Its time begins anew only after it was listed for 30 s.
//! 7. **Faults** of the source remove nothing, however long they last: the poller sends nothing then. That the source
//!    does not know the service while it answers otherwise is an answer without containers once it has lasted for 60 s.
//! 8. The **order** of anything in the answer has no influence.
//! 9. **Flapping**: a container that changes its state more than 5 times within 30 s is damped: its port is frozen, so
//!    that it stays open or closed, until the container is steady; each time for longer. The port leads to the address
//!    under which the container is listed, and to be missing is no change of state.
//!
//! Always true: a port leads to at most one container, a container has at most one port of a mapping, and the same
//! history gives the same plan.

mod allocator;
mod assign;
mod decider;
mod eligibility;
mod explain;
mod flapping;
mod hold;
mod linger;
mod memory;
mod messages;
mod nothing_mapped;
mod own_listeners;
mod plan;
mod pool;
pub mod pool_conflicts;
pub mod pool_limits;
mod report;
mod settings;
mod size;
mod takeover;
mod unmapped;
mod why;

pub use crate::domain::Assignment;
pub use allocator::PortAllocator;
pub use decider::plan_once;
pub(crate) use decider::{Decider, Decision, Input};
pub(crate) use explain::explain;
pub use explain::{Effect, Explanation};
pub use hold::Hold;
pub use messages::{AllocationReport, Held, PlanChanged, PoolReport, ReleasePort, ReportAllocation};
pub use nothing_mapped::NothingMapped;
pub use own_listeners::ListenAddresses;
pub use plan::{MappingPlan, Plan};
pub use settings::{AllocatorSettings, PoolSettings};
pub use unmapped::Unmapped;
pub use why::{Missing, Why};
