//! An adapter for each kind of source. Each is a folder, and a line here.

#[cfg(feature = "docker")]
pub mod docker;
pub mod file;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod rancher;
#[cfg(feature = "docker")]
pub mod swarm;
