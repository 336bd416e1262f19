//! A Rancher metadata server with the real one's quirks, and with faults on demand.
//!
//! ```text
//! World ──answers──> a tree of documents ──path──> one value ──serve──> HTTP
//! ```
//!
//! The [`World`] is the environment that the server tells about: stacks, services, containers.
//! [`MetadataServer::change`] does something to it, as Cattle would; each change gives the server a
//! new version and wakes its long polls.

mod answers;
mod api_version;
mod cattle;
mod container;
mod fault;
mod misanswer;
mod path;
mod roster;
mod serve;
mod server;
mod service;
mod state;
mod text;
mod world;

pub use cattle::Cattle;
pub use container::Container;
pub use fault::{Fault, Scope};
pub use roster::{Listed, Roster};
pub use server::{MetadataOptions, MetadataServer, Requests, Saved};
pub use service::{Service, Which};
pub use world::{Host, Stack, World};

#[cfg(test)]
mod tests;
