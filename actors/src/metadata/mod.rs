//! The first stage: following the Rancher metadata service.

mod client;
mod document;
mod entry;
mod fault;
mod followed;
mod lenient;
mod messages;
mod network;
mod pace;
mod poller;
mod published;
mod resolver;
mod round;
mod vocabulary;

pub use client::{HttpMetadata, MAX_LONG_POLL, MetadataLimits, MetadataSource};
#[cfg(test)]
pub(crate) use document::parse_service;
pub use fault::MetadataFault;
pub use messages::{MetadataReport, ReportMetadata, ServiceChanged, SourceFault};
pub use poller::{MetadataPoller, PollerSettings};
pub use round::fetch_once;
#[cfg(test)]
pub(crate) use vocabulary::{health, state};
