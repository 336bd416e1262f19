//! Rancher 1's metadata service, which is asked in long polls for its version, and for documents when that differs.

mod adapter;
mod client;
mod document;
mod entry;
mod fault;
mod lenient;
mod network;
mod published;
mod resolver;
mod vocabulary;

pub use adapter::Rancher;
pub use client::{HttpMetadata, MAX_LONG_POLL, MetadataLimits, MetadataSource};
#[cfg(test)]
pub(crate) use document::parse_service;
pub use fault::MetadataFault;
#[cfg(test)]
pub(crate) use {
    client::OWN_SERVICE_PATH,
    vocabulary::{health, state},
};
