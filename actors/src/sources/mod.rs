//! Whoever knows the containers: an adapter for each kind of source. Each is a folder, and a line here.

pub mod file;
#[cfg(feature = "docker")]
pub mod docker;
pub mod rancher;
