//! A DaemonSet, on the network of the nodes.

use serde_json::{Value, json};

use crate::chart::{container, objects, of_kind, only, pod, with};

fn volume(pod: &Value, name: &str) -> Value {
    let volumes = pod["volumes"].as_array().unwrap();
    volumes.iter().find(|volume| volume["name"] == name).unwrap().clone()
}

#[test]
fn by_default_stalls_is_on_every_node_on_its_network() {
    let objects = objects(&with(json!({})));
    let pod = pod(&objects);
    assert_eq!(pod["hostNetwork"], true);
    assert_eq!(pod["dnsPolicy"], "ClusterFirstWithHostNet");
    let daemon_set = only(&objects, "DaemonSet");
    assert_eq!(daemon_set["spec"]["updateStrategy"]["rollingUpdate"], json!({"maxUnavailable": 1}));
    assert!(of_kind(&objects, "Service").is_empty());
}

#[test]
fn it_has_no_right_on_the_node_that_it_does_not_need() {
    let pod = pod(&objects(&with(json!({}))));
    for (field, wanted) in [("runAsNonRoot", json!(true)), ("runAsUser", json!(10001))] {
        assert_eq!(pod["securityContext"][field], wanted);
    }
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let limits = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
    });
    assert_eq!(container(&pod)["securityContext"], limits);
    for field in ["hostPID", "hostIPC"] {
        assert_eq!(pod[field], Value::Null);
    }
    assert!(pod["volumes"].as_array().unwrap().iter().all(|volume| volume["hostPath"].is_null()));
}

#[test]
fn what_it_writes_is_in_volumes_of_its_pod() {
    let pod = pod(&objects(&with(json!({}))));
    assert_eq!(volume(&pod, "run")["emptyDir"], json!({"medium": "Memory"}));
    assert_eq!(volume(&pod, "state")["emptyDir"], json!({}));
}

#[test]
fn the_state_may_be_in_a_directory_of_the_node() {
    let pod = pod(&objects(&with(json!({"state": {"hostPath": "/var/lib/stalls"}}))));
    // Not made by the kubelet, which would make it root's.
    assert_eq!(volume(&pod, "state")["hostPath"], json!({"path": "/var/lib/stalls", "type": "Directory"}));
}

#[test]
fn it_is_ready_when_stalls_says_so_and_is_never_restarted_for_it() {
    let pod = pod(&objects(&with(json!({}))));
    let container = container(&pod);
    assert_eq!(container["readinessProbe"]["exec"]["command"], json!(["stalls", "health"]));
    assert_eq!([&container["livenessProbe"], &container["startupProbe"]], [&Value::Null; 2]);
}

#[test]
fn where_it_runs_is_said_by_the_values() {
    let toleration = json!({"operator": "Exists"});
    let node_affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}});
    let pod = pod(&objects(&with(json!({
        "tolerations": [toleration], "affinity": node_affinity, "priorityClassName": "system-node-critical",
        "nodeSelector": {"edge": "true"}, "imagePullSecrets": [{"name": "pull"}],
        "image": {"repository": "images.example/stalls", "tag": "1"},
    }))));
    assert_eq!(pod["tolerations"], json!([toleration]));
    assert_eq!(pod["affinity"], node_affinity);
    assert_eq!(pod["priorityClassName"], "system-node-critical");
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/os": "linux", "edge": "true"}));
    assert_eq!(pod["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(container(&pod)["image"], "images.example/stalls:1");
}
