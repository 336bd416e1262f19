//! The messages between the actors. Each stands with its sender; this page lists them all.
//!
//! ```text
//! source   ──> MetadataPoller ──ServiceChanged──> PortAllocator ──PlanChanged──┬──> ConfigWriter <──ExcludePorts──┐
//!                                                                              │         │      <──CheckConfig───┤
//!                                                                              │   ConfigWritten                 │
//!                                                                              │         v                       │
//!                                                                              └──> HaproxySupervisor ───────────┘
//!
//! the admin side ──ReportMetadata, ReportAllocation, ReportConfig, ReportHaproxy──> each of them
//! a person       ──ReleasePort──> PortAllocator   ──CutPort──> HaproxySupervisor
//! the system     ──Shutdown──> all
//! ```
//!
//! Every message carries full state, never a difference: the newest replaces all older ones, so losing or
//! skipping one is harmless. Between two actors messages keep their order.

pub use crate::{
    allocation::{AllocationReport, Held, PlanChanged, PoolReport, ReleasePort, ReportAllocation},
    config::{ConfigReport, ConfigWritten, ReportConfig},
    haproxy::{CheckConfig, CutPort, ExcludePorts, HaproxyReport, HaproxyState, Pending, ReportHaproxy},
    lifecycle::{Leave, Shutdown},
    metadata::{MetadataReport, ReportMetadata, ServiceChanged, SourceFault},
};
