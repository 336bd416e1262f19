//! What Helm tells a person after the installation.

use serde_json::{Value, json};

use crate::chart::{CHART, NAMESPACE, helm, with};

fn notes(values: &Value) -> String {
    let arguments = ["install", "edge", CHART, "--dry-run=client", "--namespace", NAMESPACE, "--values", "-"];
    let said = helm(&arguments, &values.to_string()).unwrap();
    said.split_once("NOTES:\n").unwrap().1.to_owned()
}

#[test]
fn each_pool_is_told_of_and_where_to_look() {
    let room = json!({"namespace": "games", "selector": "app=room", "backendPort": "game", "basePort": 6000});
    let said = notes(&with(json!({"mappings": {"room": room}})));
    for line in [
        "web: from 5000, 3 of them, to port 8080 of the StatefulSet web in infra\n",
        "room: from 6000 to port game of pods with app=room in games\n",
        "kubectl --namespace infra exec daemonset/edge-stalls -- stalls status\n",
        "kubectl label namespace infra pod-security.kubernetes.io/enforce=privileged\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn behind_a_load_balancer_the_address_is_the_services() {
    let said = notes(&with(json!({"kind": "Deployment"})));
    assert!(said.contains("kubectl --namespace infra get service edge-stalls\n"), "{said}");
    assert!(!said.contains("pod-security"), "{said}");
}

#[test]
fn rights_that_somebody_else_gives_are_told_of() {
    let said = notes(&with(json!({"rbac": {"create": false}, "serviceAccount": {"name": "mine"}})));
    assert!(
        said.contains("ServiceAccount infra/mine needs the rights `list` and `watch` on pods:\ninfra"),
        "{said}"
    );
    assert!(!notes(&with(json!({}))).contains("needs the rights"));
}
