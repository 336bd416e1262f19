//! What the API server answers, as far as it matters here (Kubernetes API, `Pod` in `core/v1`).
//!
//! The pod of k8s-openapi has all fields, whose parsers would be 1.2 MiB of the program.

use std::borrow::Cow;

use k8s_openapi::{
    NamespaceResourceScope, Resource as _, api::core::v1::Pod as WholePod,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Resource;
use serde::Deserialize;

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ApiPod {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: Option<PodSpec>,
    pub(super) status: Option<PodStatus>,
}

/// What was asked for in a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) containers: Option<Vec<PodContainer>>,
    /// Those that go on beside the others are sidecars.
    pub(super) init_containers: Option<Vec<PodContainer>>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PodContainer {
    pub(super) ports: Option<Vec<ContainerPort>>,
}

/// A port that a container of a pod says that it has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerPort {
    pub(super) name: Option<String>,
    pub(super) container_port: i32,
    pub(super) host_port: Option<i32>,
    /// TCP if it is not said.
    pub(super) protocol: Option<String>,
}

/// What its node says about a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodStatus {
    pub(super) phase: Option<String>,
    /// Why it is in this phase, in a word; none in most.
    pub(super) reason: Option<String>,
    pub(super) conditions: Option<Vec<PodCondition>>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pub(super) pod_ips: Option<Vec<PodIp>>,
}

/// Whether something is so.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PodCondition {
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// `True`, `False` or `Unknown`.
    pub(super) status: String,
}

/// One of a pod's addresses.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PodIp {
    pub(super) ip: Option<String>,
}

/// So kube knows where there are pods.
impl Resource for ApiPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        WholePod::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        WholePod::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        WholePod::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        WholePod::URL_PATH_SEGMENT.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
