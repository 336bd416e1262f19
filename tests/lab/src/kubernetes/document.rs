//! What the API server writes of a pod, with every field of the samples.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::pod::{ContainerPort, Phase, Pod};

/// The world begins with the year 2024.
const BEGINNING: i64 = 1_704_067_200;

/// A pod in a list, which says once for all what its items are.
pub(super) fn item(pod: &Pod) -> Value {
    json!({ "metadata": metadata(pod), "spec": spec(pod), "status": status(pod) })
}

/// A pod in an event.
pub(super) fn object(pod: &Pod) -> Value {
    let mut object = item(pod);
    object["kind"] = "Pod".into();
    object["apiVersion"] = "v1".into();
    object
}

/// A bookmark's object: a pod of which nothing is known but the version.
pub(super) fn bookmark(version: u64) -> Value {
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": { "resourceVersion": version.to_string(), "creationTimestamp": null },
        "spec": { "containers": null },
        "status": {},
    })
}

fn metadata(pod: &Pod) -> Value {
    let mut metadata = json!({
        "name": pod.name,
        "namespace": pod.namespace,
        "uid": pod.uid,
        "resourceVersion": pod.version.to_string(),
        "creationTimestamp": timestamp(pod.created),
    });
    if let Some(deletion) = pod.deletion {
        metadata["deletionTimestamp"] = timestamp(deletion.at).into();
        metadata["deletionGracePeriodSeconds"] = deletion.grace.into();
    }
    if !pod.labels.is_empty() {
        metadata["labels"] = json!(pod.labels);
    }
    if let Some(owner) = &pod.owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "apps/v1",
            "kind": owner.kind,
            "name": owner.name,
            "uid": owner.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }]);
    }
    metadata
}

fn spec(pod: &Pod) -> Value {
    let tolerated = |reason: &str| {
        json!({
            "key": format!("node.kubernetes.io/{reason}"),
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        })
    };
    let mut container = json!({
        "name": "c",
        "image": "x",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always",
    });
    if !pod.ports.is_empty() {
        container["ports"] = pod.ports.iter().map(port).collect();
    }
    let mut spec = json!({
        "containers": [container],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "nodeName": "n1",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [tolerated("not-ready"), tolerated("unreachable")],
        "priority": 0,
        "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority",
    });
    if pod.host_network {
        spec["hostNetwork"] = true.into();
    }
    spec
}

fn port(port: &ContainerPort) -> Value {
    let mut document = json!({ "containerPort": port.number, "protocol": "TCP" });
    if let Some(name) = &port.name {
        document["name"] = name.as_str().into();
    }
    document
}

fn status(pod: &Pod) -> Value {
    let mut status = json!({ "phase": pod.phase.name(), "qosClass": "BestEffort" });
    if pod.phase == Phase::Pending {
        return status;
    }
    status["conditions"] = json!([{
        "type": "Ready",
        "status": if pod.ready { "True" } else { "False" },
        "lastProbeTime": null,
        "lastTransitionTime": null,
    }]);
    if let Some(first) = pod.ips.first() {
        status["podIP"] = json!(first);
        status["podIPs"] = pod.ips.iter().map(|ip| json!({ "ip": ip })).collect();
    }
    status["containerStatuses"] = json!([{
        "name": "c",
        "state": container_state(pod),
        "lastState": {},
        "ready": pod.ready,
        "restartCount": 0,
        "image": "x",
        "imageID": "",
    }]);
    status
}

fn container_state(pod: &Pod) -> Map<String, Value> {
    let started = timestamp(pod.created);
    let ended = |code: u8, reason: &str| {
        let state =
            json!({ "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": started });
        ("terminated".to_owned(), state)
    };
    let state = match pod.phase {
        Phase::Pending | Phase::Running => ("running".to_owned(), json!({ "startedAt": started })),
        Phase::Succeeded => ended(0, "Completed"),
        Phase::Failed => ended(1, "Error"),
    };
    Map::from_iter([state])
}

/// A time, from the seconds since the world began.
fn timestamp(seconds: u64) -> String {
    let seconds = BEGINNING + i64::try_from(seconds).expect("a world does not last that long");
    let time = OffsetDateTime::from_unix_timestamp(seconds).expect("a world does not last that long");
    let (hour, minute, second) = time.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", time.date())
}
