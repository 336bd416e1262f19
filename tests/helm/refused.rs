//! Values that are wrong.

use serde_json::{Value, json};

use crate::chart::{helm, objects, template, with};

fn refused(values: &Value, wanted: &str) {
    match template(values) {
        Ok(_) => panic!("not refused: {values}"),
        Err(said) => assert!(said.contains(wanted), "{values}: {said}"),
    }
}

/// One mapping, with this in place of what it would have.
fn mapping(more: Value) -> Value {
    with(json!({"mappings": {"web": more}}))
}

#[test]
fn nothing_to_map() {
    refused(&json!({}), "mappings: say what to map, such as --set mappings.web.service=web");
}

#[test]
fn a_value_that_does_not_exist() {
    refused(&with(json!({"setings": {}})), "'setings' not allowed");
    refused(&with(json!({"settings": {"DRAIN": 1}})), "'DRAIN' not allowed");
    // The chart says itself what to map, and where the directories are.
    for own in ["MAPPINGS", "SERVICE_NAME", "SOURCE", "STATE_DIR", "RUN_DIR", "KUBECONFIG", "DOCKER_HOST"] {
        refused(&with(json!({"settings": {own: "x"}})), &format!("'{own}' not allowed"));
    }
}

#[test]
fn a_value_of_another_kind_or_out_of_range() {
    for (values, wanted) in [
        (with(json!({"settings": {"DRAIN_MS": "8s"}})), "/settings/DRAIN_MS': got string, want"),
        (with(json!({"settings": {"DRAIN_MS": 86_400_001}})), "/settings/DRAIN_MS': maximum"),
        (with(json!({"settings": {"LOG_LEVEL": "loud"}})), "/settings/LOG_LEVEL': value must be one of"),
        (with(json!({"kind": "StatefulSet"})), "/kind': value must be one of 'DaemonSet', 'Deployment'"),
        (with(json!({"updateStrategy": {"maxUnavailable": 0}})), "/updateStrategy/maxUnavailable': minimum"),
        (mapping(json!({"basePort": 0})), "/mappings/web/basePort': minimum"),
        (mapping(json!({"backendPort": "Http"})), "/mappings/web/backendPort'"),
        (mapping(json!({"service": "web a"})), "/mappings/web/service': 'web a' does not match pattern"),
        (mapping(json!({"service": "", "selector": "app in (web)"})), "/mappings/web/selector'"),
        (mapping(json!({"service": "", "selector": "app=web,"})), "/mappings/web/selector'"),
        // stalls would take these for names of StatefulSets.
        (mapping(json!({"service": "", "selector": "app"})), "/mappings/web/selector'"),
        (mapping(json!({"service": "", "selector": "app,!tier"})), "/mappings/web/selector'"),
        (json!({"mappings": {"web": {"service": "web"}}}), "missing properties 'backendPort', 'basePort'"),
    ] {
        refused(&values, wanted);
    }
}

#[test]
fn a_mapping_with_both_a_name_and_labels_or_with_neither() {
    for more in [json!({"selector": "app=web"}), json!({"service": ""})] {
        refused(&mapping(more), "mappings.web: give either service, the name of a StatefulSet, or selector");
    }
}

#[test]
fn a_pool_that_ends_above_the_last_port() {
    refused(&mapping(json!({"basePort": 65534})), "mappings.web.portCount: the pool would end at port 65536");
}

#[test]
fn a_pool_on_the_nodes_among_the_ports_of_node_ports() {
    for (base, count) in [(30000, json!(1)), (32767, json!(1)), (29998, json!(3)), (29937, Value::Null)] {
        let pool = json!({"basePort": base, "portCount": count});
        refused(&mapping(pool.clone()), "reach into those of NodePorts (30000-32767)");
        let mut allowed = mapping(pool.clone());
        allowed["allowNodePortRange"] = json!(true);
        objects(&allowed);
        // The ports of pods of their own are nobody else's.
        let mut behind_a_service = mapping(pool);
        behind_a_service["kind"] = json!("Deployment");
        behind_a_service["mappings"]["web"]["portCount"] = json!(1);
        objects(&behind_a_service);
    }
    for (base, count) in [(29997, json!(3)), (29936, Value::Null), (32768, json!(9))] {
        objects(&mapping(json!({"basePort": base, "portCount": count})));
    }
}

#[test]
fn a_deployment_whose_pool_may_grow_or_whose_state_is_on_a_node() {
    let mut growing = mapping(json!({"portCount": null}));
    growing["kind"] = json!("Deployment");
    refused(&growing, "mappings.web.portCount: a Deployment needs it");
    let on_a_node = with(json!({"kind": "Deployment", "state": {"hostPath": "/var/lib/stalls"}}));
    refused(&on_a_node, "state.hostPath: only a DaemonSet");
}

#[test]
fn a_pod_monitor_without_an_address_for_it() {
    let values = with(json!({"podMonitor": {"enabled": true}, "settings": {"ADMIN_LISTEN": "off"}}));
    refused(&values, "podMonitor.enabled: the metrics are at settings.ADMIN_LISTEN, which is off");
}

/// Numbers from the command line are of another kind than those in a file.
#[test]
fn numbers_of_the_command_line_count_like_those_of_a_file() {
    let chart = ["template", "stalls", "deploy/helm/stalls", "--set"];
    let set = |base: u16| {
        let values =
            format!("mappings.web.service=web,mappings.web.backendPort=8080,mappings.web.basePort={base}");
        helm(&[&chart[..], &[&values]].concat(), "")
    };
    assert!(set(31000).unwrap_err().contains("NodePorts"));
    assert!(set(5000).unwrap().contains("value: \"default/web:8080@5000\""));
}
