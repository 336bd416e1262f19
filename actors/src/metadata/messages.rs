//! What the poller sends, and what it answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::{Message, MessageResponse};

use tokio::time::Instant;

use crate::{
    counts::Counts,
    domain::{Reason, ServiceRef, Snapshot},
};

/// `MetadataPoller` → `PortAllocator`: what the source now says of one service.
///
/// Sent once after the start, and then only when something that matters to stalls differs. A fault of the
/// source sends nothing.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ServiceChanged {
    /// The service that the snapshot is of.
    pub service: ServiceRef,
    /// Its containers, and what stalls' own service publishes.
    pub snapshot: Arc<Snapshot>,
    /// How long ago the source was last known to say what the snapshot before this one says; zero for the first.
    pub proof_age: Duration,
}

/// The admin side → `MetadataPoller`: is the source available?
///
/// An actor that does not answer this or one of the next three in time is considered hung or dead.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "MetadataReport")]
pub struct ReportMetadata;

/// What the poller answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct MetadataReport {
    /// Whether it has answered since the start.
    pub has_answered: bool,
    /// What is wrong with it as a whole; `None` if nothing is.
    pub fault: Option<SourceFault>,
    /// What is wrong with what it says of single services.
    pub services: BTreeMap<ServiceRef, SourceFault>,
    /// The failed attempts to read it, by the kind of the fault.
    pub faults: Counts,
}

/// A fault that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFault {
    /// Since when the source has been slow, wrong or away.
    pub since: Instant,
    /// The newest kind of fault, as the log has it.
    pub reason: Reason,
}

impl MetadataReport {
    /// What keeps a service from being followed: what is wrong with the source, or with what it says of this service.
    pub fn fault_of(&self, service: &ServiceRef) -> Option<&SourceFault> {
        self.fault.iter().chain(self.services.get(service)).min_by_key(|fault| fault.since)
    }

    /// What has been wrong for longest, with the source or with what it says of a service.
    pub fn oldest_fault(&self) -> Option<&SourceFault> {
        self.fault.iter().chain(self.services.values()).min_by_key(|fault| fault.since)
    }
}
