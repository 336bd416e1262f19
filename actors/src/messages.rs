//! What the actors tell each other.
//!
//! Every message carries full state, never a difference: the newest replaces all older ones, so losing or
//! skipping one is harmless. Between two actors messages keep their order.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use actix::{Message, MessageResponse};

use crate::{
    allocation::Plan,
    config::HaproxyConfig,
    domain::{ServiceRef, Snapshot},
};

/// `MetadataPoller` → `PortAllocator`: what the metadata now says of one service.
///
/// Sent once after the start and then only when something that matters to us differs. A fault of the
/// metadata server sends nothing.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ServiceChanged {
    /// The service that the snapshot is of.
    pub service: ServiceRef,
    /// Its containers, and what stalls' own service publishes.
    pub snapshot: Arc<Snapshot>,
}

/// `PortAllocator` → `ConfigWriter` and `HaproxySupervisor`: who is to be on which port.
///
/// Revisions only grow, also across restarts as long as the newest one was saved.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct PlanChanged(pub Arc<Plan>);

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

/// The admin side → `MetadataPoller`: is the metadata there?
///
/// Who does not answer this or one of the next three in time hangs or has ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "MetadataReport")]
pub struct ReportMetadata;

/// What the poller answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct MetadataReport {
    /// For how long it has been slow, wrong or away; `None` if it is well.
    pub fault_for: Option<Duration>,
}

/// The admin side → `PortAllocator`: what is as it was, though the metadata says otherwise?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "AllocationReport")]
pub struct ReportAllocation;

/// What the allocator answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct AllocationReport {
    /// The ports whose containers are gone in an answer that would free most ports.
    pub held_ports: BTreeSet<u16>,
    /// When they are freed, if the metadata still says so then; `None` if there are none.
    pub held_for: Option<Duration>,
}

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
        /// The newest plan that is in force; `None` if it was left behind by an earlier stalls and has not been
        /// told anything yet.
        revision: Option<u64>,
    },
    /// It is to serve and does not.
    Down {
        /// Why the last one died, was given up or did not get to serve; `None` if there has been none.
        failure: Option<String>,
    },
    /// There is nothing to serve: neither the metadata nor the memory has said who is there.
    NoPlan,
}

/// The system → every actor: finish what is under way and stop. The end of the actor is the answer.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Shutdown {
    /// What becomes of HAProxy.
    pub haproxy: Leave,
}

/// What a stopping `HaproxySupervisor` does with the running HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Stop listening, let connections drain for the time that the settings allow, then end it.
    Drained,
    /// End it at once, cutting its connections.
    Cut,
    /// Let it serve on. The next stalls adopts it, so an internal fault does not become an outage.
    Serving,
}
