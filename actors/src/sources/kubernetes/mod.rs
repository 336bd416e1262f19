//! Kubernetes as a source: the pods of StatefulSets, or those that label selectors choose.
//!
//! `cluster` asks, by kube, and nothing but lists and watches of pods; `follower` says when. All else is plain functions
//! over the pods that the API server has told of.

mod answer;
mod cluster;
mod fault;
mod follower;
mod listing;
pub mod names;
mod pod;
mod pods;
mod selection;
mod selector;
mod source;
#[cfg(test)]
mod testing;

pub use selector::{BadSelector, LabelSelector};
pub use source::{IpFamily, Kubernetes, KubernetesSettings};
