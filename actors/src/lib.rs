//! The stages of stalls, in the order in which the data passes them:
//!
//! ```text
//! Rancher metadata ──> MetadataPoller ──ServiceChanged──> PortAllocator ──PlanChanged──> ConfigWriter
//!                                                               │                            │
//!                                                          PlanChanged                 ConfigWritten
//!                                                               └──────> HaproxySupervisor <─┘──> HAProxy
//! ```
//!
//! One message goes against the stream: `WithholdPorts`, from the supervisor back to the writer, names the
//! ports that cannot be bound at present.
//!
//! Each of `metadata`, `allocation`, `config` and `haproxy` holds one stage: the actor, the pure core that it calls and
//! the adapter that it drives. `domain` has the values that they talk about, `state` and `readiness` what the allocator
//! has done elsewhere: saving, and probing.
//!
//! Cores know no I/O, clock or randomness; adapters stand behind a trait, so that every actor also runs
//! in virtual time against fakes.
#![forbid(unsafe_code)]

pub mod allocation;
pub mod config;
pub mod domain;
pub mod haproxy;
pub mod lifecycle;
pub mod messages;
pub mod metadata;
pub mod outage;
pub mod paged_map;
pub mod readiness;
pub mod state;
pub mod supervise;

mod atomic_file;
mod backoff;
mod children;
mod coalescer;
mod excerpt;
mod in_ms;
mod shortage;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;

pub use children::Children;
