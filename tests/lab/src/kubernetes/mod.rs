//! A Kubernetes API server that lists and watches pods, with faults on demand.
//!
//! ```text
//! World ──events──> selector ──> lists and watches ──serve──> HTTP
//! ```
//!
//! The [`World`] is the cluster that the server tells about. [`KubernetesServer::change`] does something to it, as
//! people, controllers and nodes would; whatever is done to a pod is an event with a version of its own. The documents
//! have the fields of `testdata/kubernetes`, which a kube-apiserver 1.20.2 has answered.
//!
//! Its only client may list and watch pods, and nothing else.

mod document;
mod event;
mod fault;
mod kubeconfig;
mod list;
mod pod;
mod request;
mod selector;
mod serve;
mod server;
mod state;
mod stateful_set;
mod status;
mod watch;
mod world;

pub use fault::{Disturbance, Fault, Scope};
pub use pod::{ContainerPort, Owner, Phase, Pod};
pub use request::Asked;
pub use server::{KubernetesOptions, KubernetesServer, Saved};
pub use stateful_set::StatefulSet;
pub use world::World;

#[cfg(test)]
mod tests;
