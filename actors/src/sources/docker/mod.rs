//! A container engine as a source: Docker, or Podman by its compatible API.
//!
//! `engine` asks, over connections that `connection` makes and bounds, and nothing but GETs; `get` is how, and
//! `follower` says when. All else is plain functions over what the engine has listed.

mod connection;
mod engine;
#[cfg(test)]
pub(crate) mod fake_engine;
mod fault;
mod follower;
mod get;
mod host;
mod labels;
mod listing;
mod network;
mod note;
mod own_ports;
mod source;
mod summary;
mod tls;
mod vocabulary;

pub use engine::{Engine, EngineLimits, EngineSettings, EventStream};
pub use fault::EngineFault;
pub(super) use get::get;
pub use host::{Host, HostError};
pub use source::{Docker, DockerSettings};
