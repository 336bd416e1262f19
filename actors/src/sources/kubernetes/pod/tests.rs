//! What a pod says, and what that means.

use serde_json::{Value, json};

use super::*;

/// `web-3` of the StatefulSet `web`, as it is while it serves; `patch` is merged into it.
fn pod_json(patch: &Value) -> Value {
    let mut pod = json!({
        "metadata": {
            "name": "web-3", "namespace": "games", "uid": "u3", "resourceVersion": "7",
            "creationTimestamp": "2026-11-27T01:25:24Z",
            "labels": {"app": "web", "statefulset.kubernetes.io/pod-name": "web-3"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "s", "controller": true}
            ],
        },
        "spec": {"containers": [{"name": "c"}]},
        "status": {
            "phase": "Running", "podIP": "10.1.0.3",
            "podIPs": [{"ip": "10.1.0.3"}, {"ip": "fd00::3"}],
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
        },
    });
    merge(&mut pod, patch);
    pod
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(target), Value::Object(patch)) = (&mut *target, patch) else {
        target.clone_from(patch);
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn read(patch: Value) -> Pod {
    Pod::read(serde_json::from_value(pod_json(&patch)).unwrap(), None)
}

fn index(patch: Value) -> Option<u64> {
    read(patch).container.index.map(NonZeroU64::get)
}

fn life(patch: Value) -> (String, Lifecycle) {
    let container = read(patch).container;
    (container.state.as_ref().unwrap().to_string(), container.lifecycle())
}

#[test]
fn a_pod_is_a_container() {
    let pod = read(json!({}));
    let container = &pod.container;
    assert_eq!((&*container.uuid, &*container.name), ("u3", "web-3"));
    assert_eq!(container.created, 1_795_742_724);
    assert_eq!(container.address.as_ref().unwrap().as_str(), "10.1.0.3");
    assert_eq!((container.lifecycle(), container.health), (Lifecycle::Running, Some(Health::Healthy)));
    assert_eq!(pod.stateful_set.as_deref(), Some("web"));
}

#[test]
fn the_samples_are_read() {
    let list = include_str!("../../../../../tests/lab/testdata/kubernetes/pods-list.json");
    let list: kube::core::ObjectList<ApiPod> = serde_json::from_str(list).unwrap();
    let pods: Vec<_> = list.items.into_iter().map(|pod| Pod::read(pod, None)).collect();
    let told: Vec<_> = pods
        .iter()
        .map(|pod| (&*pod.container.name, pod.container.index.unwrap().get(), pod.stateful_set.as_deref()))
        .collect();
    assert_eq!(told, [("web-0", 1, Some("web")), ("web-1", 2, Some("web")), ("web-2", 3, Some("web"))]);
}

#[test]
fn the_ordinal_is_that_of_the_label_or_else_of_the_name() {
    let label = |text: &str| json!({"metadata": {"labels": {"apps.kubernetes.io/pod-index": text}}});
    assert_eq!(index(json!({})), Some(4));
    assert_eq!(index(label("7")), Some(8));
    assert_eq!(index(label("0")), Some(1));
    for nonsense in ["", "-1", "+1", "1.0", "18446744073709551616", "x"] {
        assert_eq!(index(label(nonsense)), Some(4), "{nonsense:?}");
    }
    assert_eq!(index(label("18446744073709551615")), None, "there is no next number");
    assert_eq!(index(json!({"metadata": {"name": "web-last"}})), None);
}

#[test]
fn a_pod_of_a_stateful_set_is_known_by_the_label_with_its_name() {
    let pod = |pod_name: Option<&str>| {
        read(json!({"metadata": {"labels": {"statefulset.kubernetes.io/pod-name": pod_name}}}))
    };
    assert_eq!(pod(Some("web-3")).stateful_set.as_deref(), Some("web"));
    for other in [None, Some("db-3")] {
        let pod = pod(other);
        assert_eq!((pod.container.index, pod.stateful_set), (None, None), "{other:?}");
    }
    let labels = json!({"statefulset.kubernetes.io/pod-name": null, "apps.kubernetes.io/pod-index": "5"});
    let labelled = read(json!({"metadata": {"labels": labels}}));
    assert_eq!((labelled.container.index.unwrap().get(), labelled.stateful_set), (6, None));
}

#[test]
fn whatever_has_made_a_pod_does_not_matter() {
    for owner in [
        json!(null),
        json!([{"apiVersion": "core.strimzi.io/v1", "kind": "StrimziPodSet",
        "name": "web", "uid": "s", "controller": true}]),
    ] {
        let pod = read(json!({"metadata": {"ownerReferences": owner}}));
        assert_eq!((pod.stateful_set.as_deref(), pod.container.index.unwrap().get()), (Some("web"), 4));
    }
}

#[test]
fn a_phase_is_a_place_in_life() {
    let phase = |text: &str| life(json!({"status": {"phase": text}}));
    assert_eq!(phase("Pending"), ("Pending".to_owned(), Lifecycle::Starting));
    assert_eq!(phase("Running").1, Lifecycle::Running);
    assert_eq!(phase("Unknown").1, Lifecycle::Running);
    assert_eq!(phase("Succeeded").1, Lifecycle::Inactive);
    assert_eq!(phase("Failed").1, Lifecycle::Inactive);
    assert_eq!(phase("Levitating"), ("Levitating".to_owned(), Lifecycle::Inactive));
    let evicted = life(json!({"status": {"phase": "Failed", "reason": "Evicted"}}));
    assert_eq!(evicted, ("Failed: Evicted".to_owned(), Lifecycle::Inactive));
    assert_eq!(life(json!({"status": null})).1, Lifecycle::Starting);
}

#[test]
fn a_pod_with_a_time_of_deletion_is_told_to_stop() {
    let told = json!({"metadata": {"deletionTimestamp": "2026-11-27T01:28:45Z"}});
    assert_eq!(life(told), ("Terminating".to_owned(), Lifecycle::Stopping));
    let ended =
        json!({"metadata": {"deletionTimestamp": "2026-11-27T01:28:45Z"}, "status": {"phase": "Failed"}});
    assert_eq!(life(ended).1, Lifecycle::Inactive);
}

#[test]
fn what_is_deleted_is_gone_and_what_is_not_selected_finishes_its_work() {
    let lifecycle = |pod: Pod| pod.container.lifecycle();
    let told = json!({"metadata": {"deletionTimestamp": "2026-11-27T01:28:45Z"}});
    assert_eq!(lifecycle(read(told).deleted()), Lifecycle::Inactive);
    assert_eq!(lifecycle(read(json!({"status": {"phase": "Pending"}})).deleted()), Lifecycle::Inactive);
    assert_eq!(lifecycle(read(json!({})).deleted()), Lifecycle::Stopping);
    assert_eq!(lifecycle(read(json!({})).replaced()), Lifecycle::Inactive);
}

#[test]
fn a_pod_is_healthy_when_it_is_ready() {
    let health = |conditions: Value| read(json!({"status": {"conditions": conditions}})).container.health;
    assert_eq!(health(json!([{"type": "Ready", "status": "True"}])), Some(Health::Healthy));
    assert_eq!(health(json!([{"type": "Ready", "status": "False"}])), Some(Health::NotHealthy));
    assert_eq!(health(json!([{"type": "ContainersReady", "status": "True"}])), Some(Health::NotHealthy));
    assert_eq!(health(json!(null)), Some(Health::NotHealthy));
}

#[test]
fn the_address_is_the_first_one_or_that_of_the_family() {
    let address = |patch: Value, family| {
        let pod = Pod::read(serde_json::from_value(pod_json(&patch)).unwrap(), family);
        pod.container.address.as_ref().map(|address| address.as_str().to_owned())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(address(json!({}), None), some("10.1.0.3"));
    assert_eq!(address(json!({}), Some(IpFamily::V4)), some("10.1.0.3"));
    assert_eq!(address(json!({}), Some(IpFamily::V6)), some("fd00::3"));
    assert_eq!(address(json!({"status": {"podIPs": null}}), None), some("10.1.0.3"), "before 1.16");
    assert_eq!(address(json!({"status": {"podIPs": null}}), Some(IpFamily::V6)), None);
    assert_eq!(address(json!({"status": {"podIPs": null, "podIP": null}}), None), None);
}

#[test]
fn ports_have_the_names_that_the_pod_gives_them() {
    let containers = json!([
        {"name": "a", "ports": [{"name": "game", "containerPort": 7777}, {"containerPort": 1}]},
        {"name": "b", "ports": [
            {"name": "query", "containerPort": 27015, "protocol": "UDP", "hostPort": 27016},
            {"name": "game", "containerPort": 9},
            {"name": "web", "containerPort": 80, "protocol": "TCP"},
            {"name": "no port", "containerPort": 70000},
        ]},
    ]);
    let sidecar = json!([{"name": "s", "ports": [{"name": "metrics", "containerPort": 9090}]}]);
    let pod = read(json!({"spec": {"containers": containers, "initContainers": sidecar}}));
    let named: Vec<_> =
        pod.container.named_ports.iter().map(|(name, port)| (name.to_string(), port.get())).collect();
    let expected = [("game", 7777), ("metrics", 9090), ("web", 80)];
    assert_eq!(named, expected.map(|(name, port)| (name.to_owned(), port)));
    let query = PublishedUdp { text: "27015/UDP".into(), outer: Some((27016, 27016)), inner: (27015, 27015) };
    assert_eq!(pod.udp, [query].into());
}
