//! What the API server lets stalls do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::chart::{NAMESPACE, objects, of_kind, only, pod, with};

/// Two mappings of one namespace, one of another, and one of the release's own.
fn of_three_namespaces(more: Value) -> Vec<Value> {
    let mut values = with(more);
    for (name, namespace, base) in [("a", "games", 6000), ("b", "games", 6100), ("c", "shop", 6200)] {
        values["mappings"][name] =
            json!({"namespace": namespace, "service": "room", "backendPort": 1, "basePort": base});
    }
    objects(&values)
}

#[test]
fn it_may_list_and_watch_the_pods_of_the_namespaces_that_are_mapped_and_nothing_else() {
    let objects = of_three_namespaces(json!({}));
    for kind in ["Role", "RoleBinding"] {
        let namespaces =
            of_kind(&objects, kind).into_iter().map(|it| it["metadata"]["namespace"].as_str().unwrap());
        assert_eq!(namespaces.collect::<Vec<_>>(), ["games", NAMESPACE, "shop"]);
    }
    let account = only(&objects, "ServiceAccount");
    for role in of_kind(&objects, "Role") {
        assert_eq!(
            role["rules"],
            json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}])
        );
    }
    for binding in of_kind(&objects, "RoleBinding") {
        let name = &account["metadata"]["name"];
        assert_eq!(
            binding["subjects"],
            json!([{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}])
        );
        let role = of_kind(&objects, "Role")
            .into_iter()
            .find(|role| role["metadata"]["namespace"] == binding["metadata"]["namespace"]);
        assert_eq!(binding["roleRef"]["name"], role.unwrap()["metadata"]["name"]);
    }
    assert_eq!(pod(&objects)["serviceAccountName"], account["metadata"]["name"]);
}

#[test]
fn nothing_is_cluster_wide() {
    let kinds = of_three_namespaces(json!({"podMonitor": {"enabled": true}, "template": "x"}));
    let kinds = kinds.iter().map(|object| object["kind"].as_str().unwrap()).collect::<BTreeSet<_>>();
    let namespaced = ["ConfigMap", "DaemonSet", "PodMonitor", "Role", "RoleBinding", "ServiceAccount"];
    assert_eq!(kinds, BTreeSet::from(namespaced));
}

#[test]
fn the_account_and_the_rights_may_be_somebody_elses() {
    let objects = of_three_namespaces(json!({
        "serviceAccount": {"create": false, "name": "mine"}, "rbac": {"create": false},
    }));
    assert_eq!(pod(&objects)["serviceAccountName"], "mine");
    assert!(["Role", "RoleBinding", "ServiceAccount"].iter().all(|kind| of_kind(&objects, kind).is_empty()));
}
