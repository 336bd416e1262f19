//! What the actors tell each other. Each message stands with its sender; here they all are.
//!
//! ```text
//! MetadataPoller ──ServiceChanged──> PortAllocator ──PlanChanged──> ConfigWriter ──ConfigWritten──> HaproxySupervisor
//!                                          └───────PlanChanged────────────────────────────────────────────^
//!                                                                   ConfigWriter <──WithholdPorts── HaproxySupervisor
//! admin ──ReportMetadata, ReportAllocation, Ping, ReportHaproxy──> each of them, in this order
//! system ──Shutdown──> each of them
//! ```
//!
//! Every message carries full state, never a difference: the newest replaces all older ones, so skipping one is
//! harmless. Between two actors messages keep their order. They are sent by `do_send`, whatever the mailbox's capacity:
//! all actors share one thread, so an actor lags behind only while the whole process hangs. A mailbox
//! is closed only after its actor has ended, which ends everything (see [`crate::supervise`]).

use std::{collections::BTreeSet, sync::Arc};

use actix::{Message, MessageResponse};

use crate::config::HaproxyConfig;
pub use crate::{
    allocation::{AllocationReport, PlanChanged, ReportAllocation},
    lifecycle::{Leave, Shutdown},
    metadata::{MetadataReport, ReportMetadata, ServiceChanged},
};

/// `ConfigWriter` → `HaproxySupervisor`: the newest configuration that HAProxy accepted is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ConfigWritten {
    /// What the file says.
    pub config: Arc<HaproxyConfig>,
    /// The newest plan revision that the writer has dealt with. It exceeds the configuration's own
    /// revision when later plans could not be written; then this configuration is the best there is.
    pub covers: u64,
}

/// `HaproxySupervisor` → `ConfigWriter`: leave these ports out of the file, since they cannot be bound.
///
/// The full set each time; an empty one withholds nothing. Answered by a `ConfigWritten` whose
/// configuration withholds those of them that the plan has, or by the last good one if that cannot be written.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct WithholdPorts(pub BTreeSet<u16>);

/// The admin side → `ConfigWriter`: answer.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Ping;

/// The admin side → `HaproxySupervisor`: is HAProxy at work?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "HaproxyReport")]
pub struct ReportHaproxy;

/// What the supervisor answers.
#[derive(Clone, Debug, PartialEq, Eq, MessageResponse)]
pub enum HaproxyReport {
    /// It serves.
    Running {
        /// Its process.
        pid: u32,
        /// The newest plan that is in force; `None` if it was left behind by an earlier stalls process and has not been
        /// told anything yet.
        revision: Option<u64>,
    },
    /// It is to serve and does not.
    Down {
        /// Why the last one died, was given up or did not get to serve; `None` if there has been none.
        failure: Option<String>,
    },
    /// There is nothing to serve: neither the metadata nor the saved state has named a container.
    NoPlan,
}
