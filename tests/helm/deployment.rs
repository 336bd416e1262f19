//! A Deployment, behind a load balancer.

use serde_json::{Value, json};

use crate::chart::{container, objects, only, pod, with};

fn behind_a_load_balancer(more: Value) -> Vec<Value> {
    let mut values = with(more);
    values["kind"] = json!("Deployment");
    objects(&values)
}

#[test]
fn its_service_lists_each_port_of_each_pool() {
    let objects = behind_a_load_balancer(json!({
        "mappings": {"api": {"selector": "app=api", "backendPort": "http", "basePort": 65535, "portCount": 1}},
    }));
    let service = only(&objects, "Service");
    assert_eq!(service["spec"]["type"], "LoadBalancer");
    let ports = service["spec"]["ports"].as_array().unwrap();
    let numbers = ports.iter().map(|port| port["port"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers, [65535, 5000, 5001, 5002]);
    for port in ports {
        assert_eq!((&port["port"], &port["protocol"]), (&port["targetPort"], &json!("TCP")));
        assert_eq!(port["name"], format!("p{}", port["port"]));
    }
    assert_eq!(service["spec"]["selector"], only(&objects, "Deployment")["spec"]["selector"]["matchLabels"]);
}

#[test]
fn the_load_balancer_is_as_the_values_say() {
    let objects = behind_a_load_balancer(json!({"service": {
        "annotations": {"a": "b"}, "loadBalancerClass": "metallb.universe.tf/metallb",
        "loadBalancerSourceRanges": ["192.0.2.0/24"], "allocateLoadBalancerNodePorts": false,
        "externalTrafficPolicy": "Local",
    }}));
    let service = only(&objects, "Service");
    assert_eq!(service["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!(service["spec"]["loadBalancerClass"], "metallb.universe.tf/metallb");
    assert_eq!(service["spec"]["loadBalancerSourceRanges"], json!(["192.0.2.0/24"]));
    assert_eq!(service["spec"]["allocateLoadBalancerNodePorts"], false);
    assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");
}

/// As the standards of Pod Security have them.
#[test]
fn the_level_restricted_admits_its_pods() {
    let pod = pod(&behind_a_load_balancer(json!({})));
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod[field], Value::Null);
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = container(&pod);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"], json!({"drop": ["ALL"]}));
    assert!(container["ports"].as_array().unwrap().iter().all(|port| port["hostPort"].is_null()));
    let is_own = |volume: &Value| !volume["emptyDir"].is_null() || !volume["configMap"].is_null();
    assert!(pod["volumes"].as_array().unwrap().iter().all(is_own));
}

#[test]
fn a_new_replica_serves_before_an_old_one_ends_which_waits_for_the_load_balancer() {
    let objects =
        behind_a_load_balancer(json!({"replicas": 3, "preStopSeconds": 20, "settings": {"DRAIN_MS": 1}}));
    let deployment = only(&objects, "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"], json!({"maxUnavailable": 0, "maxSurge": 1}));
    let pod = pod(&objects);
    assert_eq!(container(&pod)["lifecycle"]["preStop"]["exec"]["command"], json!(["sleep", "20"]));
    assert_eq!(pod["terminationGracePeriodSeconds"], 20 + 1 + 12);
}
