//! One pod, and how it is described.

use std::{collections::BTreeMap, net::IpAddr};

/// A pod. All that is public may be edited, to any oddity that a test is about.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Where it is.
    pub namespace: String,
    /// Its name, the only one within its namespace.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What controls it; `None` for one that somebody has made, or whose owner was deleted without it.
    pub owner: Option<Owner>,
    /// The ports that its only container declares. Its process listens on each of them.
    pub ports: Vec<ContainerPort>,
    /// Its addresses, the first of which is *the* address. Without any it gets one when it is created as running.
    pub ips: Vec<IpAddr>,
    /// How far its life has come.
    pub phase: Phase,
    /// Whether it says that it can serve.
    pub ready: bool,
    /// Whether it has the node's network, and so the node's address.
    pub host_network: bool,
    pub(super) uid: String,
    /// Seconds since the world began.
    pub(super) created: u64,
    pub(super) version: u64,
    pub(super) deletion: Option<Deletion>,
}

/// A pod's controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `StatefulSet`, `ReplicaSet` and the like.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A port that a container declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its number.
    pub number: u16,
}

/// How far a pod's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Kubernetes's")]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
}

/// Somebody wants the pod gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deletion {
    /// When it will be killed, in seconds since the world began.
    pub(super) at: u64,
    /// How many seconds it has from the request on.
    pub(super) grace: u64,
}

impl Pod {
    /// A running pod that nothing controls, without labels and ports.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            labels: BTreeMap::new(),
            owner: None,
            ports: Vec::new(),
            ips: Vec::new(),
            phase: Phase::Running,
            ready: true,
            host_network: false,
            uid: String::new(),
            created: 0,
            version: 0,
            deletion: None,
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a port without a name.
    #[must_use]
    pub fn port(mut self, number: u16) -> Self {
        self.ports.push(ContainerPort { name: None, number });
        self
    }

    /// Adds a port with a name.
    #[must_use]
    pub fn named_port(mut self, name: &str, number: u16) -> Self {
        self.ports.push(ContainerPort { name: Some(name.to_owned()), number });
        self
    }

    /// Says what controls it.
    #[must_use]
    pub fn owned_by(mut self, kind: &str, name: &str, uid: &str) -> Self {
        self.owner = Some(Owner { kind: kind.to_owned(), name: name.to_owned(), uid: uid.to_owned() });
        self
    }

    /// Gives it these addresses.
    #[must_use]
    pub fn at<Ip: Into<IpAddr>>(mut self, ips: impl IntoIterator<Item = Ip>) -> Self {
        self.ips = ips.into_iter().map(Into::into).collect();
        self
    }

    /// Gives it the network of a node with this address.
    #[must_use]
    pub fn on_node(mut self, ip: impl Into<IpAddr>) -> Self {
        self.host_network = true;
        self.at([ip])
    }

    /// It has been created, and does not run yet.
    #[must_use]
    pub fn pending(mut self) -> Self {
        (self.phase, self.ready) = (Phase::Pending, false);
        self
    }

    /// What tells it from a later pod of the same name.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Whether somebody wants it gone.
    pub fn is_being_deleted(&self) -> bool {
        self.deletion.is_some()
    }
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}
