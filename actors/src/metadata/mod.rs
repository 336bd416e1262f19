//! The first stage: following the Rancher metadata service.

mod client;
mod container;
mod document;
mod entry;
mod fault;
mod lenient;
mod pace;
mod poller;
mod snapshot;

pub use client::{HttpMetadata, LONGEST_LONG_POLL, MetadataLimits, MetadataSource};
pub use container::{Container, Health, PrimaryIp, ServiceIndex, Stage, State};
#[cfg(test)]
pub(crate) use document::parse_service;
pub use fault::MetadataFault;
pub use poller::{MetadataPoller, PollerSettings, fetch_once};
pub(crate) use snapshot::Change;
pub use snapshot::{PublishedPorts, Snapshot};
