//! The stages of stalls, in the order in which the data passes them:
//!
//! ```text
//!           source ──> MetadataPoller ──ServiceChanged──> PortAllocator ──PlanChanged──┬──> ConfigWriter ──ConfigWritten──┐
//!                                                                                      └──> HaproxySupervisor <───────────┘──> HAProxy
//! ```
//!
//! Two messages go against the stream, from the supervisor back to the writer: `ExcludePorts` names the ports that
//! cannot be bound at present, and `CheckConfig` asks for HAProxy's verdict on the newest frame.
//!
//! Each of `metadata`, `allocation`, `config` and `haproxy` holds one stage: the actor, the pure core that it calls and
//! the adapter that it drives; `sources` has the adapters of the first one. `domain` has the values that they share. For the allocator `state` saves the assignments,
//! `probing` connects to containers and `recording` keeps what was decided from.
//!
//! Cores know no I/O, clock or randomness; adapters stand behind a trait, so that every actor also runs
//! in virtual time against fakes.
#![forbid(unsafe_code)]

pub mod allocation;
pub mod config;
pub mod counts;
pub mod domain;
pub mod haproxy;
pub mod histogram;
pub mod lifecycle;
pub mod messages;
pub mod metadata;
pub mod outage;
pub mod probing;
pub mod recording;
pub mod sources;
pub mod state;
pub mod supervise;

mod atomic_file;
mod backoff;
mod children;
mod coalescer;
mod excerpt;
mod in_ms;
mod in_ns;
mod reports_changed;
mod shortage;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;

pub use atomic_file::remove_unfinished;
pub use children::Children;
pub use reports_changed::ReportsChanged;
