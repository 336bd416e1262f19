//! The pods of a Kubernetes cluster.

pub mod names;
mod selector;

pub use selector::{BadSelector, LabelSelector};
