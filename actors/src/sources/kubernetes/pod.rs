//! From a pod as the API has it to a container. Pure.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::{NonZeroU16, NonZeroU64},
    sync::Arc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    IpFamily,
    answer::{ApiPod, ContainerPort, PodSpec, PodStatus},
};
use crate::{
    domain::{Address, Container, Health, Lifecycle, PortName, State},
    excerpt::excerpt,
    metadata::PublishedUdp,
};

/// The ordinal of a pod. Kubernetes sets it since 1.28 for those of StatefulSets.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// A label of every pod of a StatefulSet, whatever implements that (Kubernetes since 1.9, OpenKruise, Strimzi): its name.
pub(super) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// A pod, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pod {
    /// With an index if it has an ordinal.
    pub(super) container: Arc<Container>,
    /// The StatefulSet that it belongs to.
    pub(super) stateful_set: Option<Arc<str>>,
    /// What it listens on over UDP, as far as it says.
    pub(super) udp: BTreeSet<PublishedUdp>,
}

impl Pod {
    /// The pod as the API server tells of it.
    pub(super) fn read(ApiPod { metadata, spec, status }: ApiPod, family: Option<IpFamily>) -> Self {
        let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
        let name = metadata.name.as_deref().unwrap_or_default();
        let set = stateful_set(&metadata, name);
        let container = Container {
            uuid: metadata.uid.as_deref().unwrap_or(name).into(),
            name: name.into(),
            index: index(&metadata, name, set.is_some()),
            created: metadata.creation_timestamp.as_ref().map_or(0, |at| seconds(at.0.as_second())),
            state: Some(state(&metadata, &status)),
            address: address(&status, family).map(Address::from),
            port: None,
            named_ports: named_ports(&spec),
            health: Some(health(&status)),
        };
        Self { stateful_set: set.map(Arc::from), udp: udp(&spec), container: Arc::new(container) }
    }

    /// Itself, after a watch has told that it is not among the chosen pods any more. One that runs and was not told to
    /// stop has lost the labels by which it was chosen: it takes no new connections, and its own go on.
    pub(super) fn deleted(self) -> Self {
        let (text, lifecycle) = match self.container.lifecycle() {
            Lifecycle::Running => ("not selected any more", Lifecycle::Stopping),
            _ => ("deleted", Lifecycle::Inactive),
        };
        self.with_state(State::new(text, lifecycle))
    }

    /// Itself, after another pod has got its name: that takes a deletion.
    pub(super) fn replaced(self) -> Self {
        self.with_state(State::new("deleted", Lifecycle::Inactive))
    }

    fn with_state(self, state: State) -> Self {
        let container = Container { state: Some(state), ..Arc::unwrap_or_clone(self.container) };
        Self { container: Arc::new(container), ..self }
    }
}

fn seconds(timestamp: i64) -> u64 {
    timestamp.try_into().unwrap_or(0)
}

/// The StatefulSet that the pod is of: each pod of one has its own name in a label, also after `kubectl delete
/// --cascade=orphan` has left it alone, and also where something like a StatefulSet has made it (OpenKruise, Strimzi).
fn stateful_set<'a>(metadata: &'a ObjectMeta, name: &'a str) -> Option<&'a str> {
    let (set, _) = split(name)?;
    (label(metadata, POD_NAME) == Some(name)).then_some(set)
}

/// Ordinals count from 0, and indexes from 1. A number at the end of a name is one in a StatefulSet alone: elsewhere it may
/// be there by accident.
fn index(metadata: &ObjectMeta, name: &str, is_of_stateful_set: bool) -> Option<NonZeroU64> {
    let of_name = || split(name).filter(|_| is_of_stateful_set).map(|(_, ordinal)| ordinal);
    let ordinal = label(metadata, POD_INDEX).and_then(ordinal).or_else(of_name)?;
    NonZeroU64::new(ordinal.checked_add(1)?)
}

/// The name of a StatefulSet and the ordinal, from the name of its pod.
fn split(name: &str) -> Option<(&str, u64)> {
    let (set, text) = name.rsplit_once('-')?;
    Some((set, ordinal(text)?))
}

fn ordinal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn label<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// A pod that is told to stop keeps its phase: its time of deletion tells of that.
fn state(metadata: &ObjectMeta, status: &PodStatus) -> State {
    let phase = status.phase.as_deref().unwrap_or("Pending");
    let lifecycle = match phase {
        "Succeeded" | "Failed" => Lifecycle::Inactive,
        _ if metadata.deletion_timestamp.is_some() => return State::new("Terminating", Lifecycle::Stopping),
        "Pending" => Lifecycle::Starting,
        // `Unknown` is that of a node which nobody can ask; its pods may serve.
        "Running" | "Unknown" => Lifecycle::Running,
        _ => Lifecycle::Inactive,
    };
    match status.reason.as_deref() {
        Some(reason) => State::new(&format!("{}: {}", excerpt(phase), excerpt(reason)), lifecycle),
        None => State::new(&excerpt(phase), lifecycle),
    }
}

fn health(status: &PodStatus) -> Health {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let is_ready = conditions.iter().any(|it| it.kind == "Ready" && it.status == "True");
    if is_ready { Health::Healthy } else { Health::NotHealthy }
}

/// The address of this family; the first one if that is not said.
fn address(status: &PodStatus, family: Option<IpFamily>) -> Option<&str> {
    let all = status.pod_ips.as_deref().unwrap_or_default().iter();
    let all = all.filter_map(|pod_ip| pod_ip.ip.as_deref());
    // Kubernetes before 1.16 has one address alone.
    let mut all = all.chain(status.pod_ip.as_deref());
    match family {
        None => all.next(),
        Some(family) => all.find(|text| text.parse().is_ok_and(|ip| family.has(ip))),
    }
}

/// The ports of all containers, those of sidecars among them.
fn ports(spec: &PodSpec) -> impl Iterator<Item = (&ContainerPort, NonZeroU16)> {
    let containers = spec.containers.iter().chain(&spec.init_containers).flatten();
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.filter_map(|port| Some((port, port_number(port.container_port)?)))
}

fn port_number(port: i32) -> Option<NonZeroU16> {
    NonZeroU16::new(port.try_into().ok()?)
}

fn named_ports(spec: &PodSpec) -> BTreeMap<PortName, NonZeroU16> {
    let tcp = ports(spec).filter(|(port, _)| matches!(port.protocol.as_deref(), None | Some("TCP")));
    // Of two with one name the first one counts, as for a Service.
    let mut named = BTreeMap::new();
    for (port, number) in tcp {
        if let Some(name) = port.name.as_ref().and_then(|name| name.parse().ok()) {
            named.entry(name).or_insert(number);
        }
    }
    named
}

fn udp(spec: &PodSpec) -> BTreeSet<PublishedUdp> {
    let udp =
        ports(spec).filter(|(port, _)| port.protocol.as_deref() == Some("UDP")).map(|(port, number)| {
            let number = number.get();
            let outer = port.host_port.and_then(port_number).map(|outer| (outer.get(), outer.get()));
            PublishedUdp { text: format!("{number}/UDP"), outer, inner: (number, number) }
        });
    udp.collect()
}
