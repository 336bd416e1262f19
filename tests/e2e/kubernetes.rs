//! Pods of Kubernetes, from the API server to the ports.

mod away;
mod expired;
mod families;
mod forbidden;
mod leaving;
mod named_ports;
mod ordinals;
mod selectors;
mod settings;
mod stage;
mod watches;

use self::stage::{GAMES, KubernetesStage};
