//! Metrics, by the Prometheus operator.

use serde_json::json;

use crate::chart::{container, objects, of_kind, only, pod, variable, with};

#[test]
fn without_a_pod_monitor_only_the_node_itself_reads_the_metrics() {
    let objects = objects(&with(json!({})));
    assert!(of_kind(&objects, "PodMonitor").is_empty());
    assert_eq!(variable(&objects, "ADMIN_LISTEN").as_deref(), Some("127.0.0.1:8405"));
}

#[test]
fn with_one_they_are_on_the_pods_address_at_the_port_that_it_names() {
    let objects =
        objects(&with(json!({"podMonitor": {"enabled": true, "labels": {"release": "prometheus"}}})));
    assert_eq!(variable(&objects, "ADMIN_LISTEN").as_deref(), Some("$(POD_IP):8405"));
    let pod = pod(&objects);
    let container = container(&pod);
    // Only what is defined before is put in.
    assert_eq!(container["env"][0]["name"], "POD_IP");
    let port = &container["ports"][0];
    assert_eq!(port["containerPort"], 8405);
    let monitor = only(&objects, "PodMonitor");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!((&endpoint["port"], &endpoint["path"]), (&port["name"], &json!("/metrics")));
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let of_pods = &only(&objects, "DaemonSet")["spec"]["selector"];
    assert_eq!(&monitor["spec"]["selector"], of_pods);
    // The alerts want a job `stalls` or `stalls-...`.
    assert_eq!(endpoint["relabelings"][0], json!({"targetLabel": "job", "replacement": "stalls"}));
}

#[test]
fn another_address_takes_the_port_along() {
    let objects = objects(&with(json!({
        "podMonitor": {"enabled": true}, "settings": {"ADMIN_LISTEN": "[$(POD_IP)]:9000"},
    })));
    assert_eq!(variable(&objects, "ADMIN_LISTEN").as_deref(), Some("[$(POD_IP)]:9000"));
    assert_eq!(container(&pod(&objects))["ports"][0]["containerPort"], 9000);
}

#[test]
fn an_admin_address_that_is_off_has_no_port() {
    let objects = objects(&with(json!({"settings": {"ADMIN_LISTEN": "off"}})));
    assert!(container(&pod(&objects))["ports"].is_null());
}
