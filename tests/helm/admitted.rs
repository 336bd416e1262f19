//! What a real API server thinks of the objects. It is Kubernetes 1.20, which knows no PodMonitor.

use std::{
    env, fs,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::chart::{parse, path, program, run, template_in, variables, with};

/// kubectl, at the API server that `tests/helm/beside_api_server.sh` has started.
fn kubectl(arguments: &[&str], stdin: &str) -> Output {
    run(Command::new(program("kubectl")).args(arguments), stdin)
}

/// A namespace of the API server for this test alone.
fn create_namespace(name: &str) {
    let output = kubectl(&["create", "namespace", name], "");
    assert!(output.status.success(), "{output:?}");
}

/// Has the API server take these objects, or say why not.
fn apply(objects: &[Value], arguments: &[&str]) -> Result<(), String> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let apply = ["apply", "--validate=strict", "--filename", "-"];
    let output = kubectl(&[&apply, arguments].concat(), &list.to_string());
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The same, and forget them.
const DRY_RUN: &str = "--dry-run=server";

/// What one mapping and these values come to, with the release in this namespace.
fn rendered(namespace: &str, more: Value) -> Vec<Value> {
    parse(&template_in(namespace, &with(more)).unwrap())
}

#[test]
fn every_object_is_admitted() {
    let namespace = "admitted";
    create_namespace(namespace);
    let more = json!({
        "template": "x", "state": {"hostPath": "/var/lib/stalls"}, "tolerations": [{"operator": "Exists"}],
        "imagePullSecrets": [{"name": "pull"}], "podLabels": {"a": "b"}, "podAnnotations": {"a": "b"},
        "updateStrategy": {"maxUnavailable": "10%"}, "serviceAccount": {"annotations": {"a": "b"}},
        "settings": {"DRAIN_MS": 60000},
    });
    let behind = json!({"kind": "Deployment", "service": {
        "annotations": {"a": "b"}, "loadBalancerSourceRanges": ["192.0.2.0/24"], "externalTrafficPolicy": "Local",
    }});
    for more in [json!({}), more, behind] {
        apply(&rendered(namespace, more), &[DRY_RUN]).unwrap();
    }
}

#[test]
fn the_brokers_of_the_documentation_are_admitted() {
    let namespace = "brokers";
    create_namespace(namespace);
    let brokers = fs::read_to_string(path("deploy/helm/examples/brokers.yaml")).unwrap();
    apply(&parse(&brokers), &[DRY_RUN, "--namespace", namespace]).unwrap();
}

#[test]
fn a_field_that_does_not_exist_would_be_noticed() {
    let namespace = "noticed";
    create_namespace(namespace);
    let mut objects = rendered(namespace, json!({}));
    let workload = objects.iter_mut().find(|object| object["kind"] == "DaemonSet").unwrap();
    workload["spec"]["template"]["spec"]["hostNetwrok"] = json!(true);
    let said = apply(&objects, &[DRY_RUN]).unwrap_err();
    assert!(said.contains("hostNetwrok"), "{said}");
}

#[test]
fn with_its_role_the_account_may_list_and_watch_pods_of_that_namespace_and_do_nothing_else() {
    let [own, mapped] = ["rights", "rights-mapped"];
    create_namespace(own);
    create_namespace(mapped);
    let objects = rendered(
        own,
        json!({"mappings": {"other": {
            "namespace": mapped, "service": "web", "backendPort": 1, "basePort": 6000,
        }}}),
    );
    apply(&objects, &[]).unwrap();

    let may = |verb, resource, namespace: &[&str]| {
        let account = format!("--as=system:serviceaccount:{own}:stalls");
        kubectl(&[&["auth", "can-i", verb, resource, &account], namespace].concat(), "").status.success()
    };
    for namespace in [own, mapped] {
        let namespace = ["--namespace", namespace];
        assert!(["list", "watch"].iter().all(|verb| may(verb, "pods", &namespace)));
        assert!(!["get", "create", "patch", "delete"].iter().any(|verb| may(verb, "pods", &namespace)));
        assert!(
            !["secrets", "configmaps", "services"].iter().any(|resource| may("list", resource, &namespace))
        );
    }
    assert!(!may("list", "pods", &["--namespace", "kube-system"]));
    assert!(!may("list", "pods", &["--all-namespaces"]));
}

/// A running pod of the StatefulSet `web`, as a kubelet would tell of it.
fn create_pod(namespace: &str, name: &str, address: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"statefulset.kubernetes.io/pod-name": name}},
        "spec": {"containers": [{"name": "web", "image": "web"}]},
    });
    apply(&[pod], &[]).unwrap();
    let status =
        json!({"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}).to_string();
    let patch = [
        "patch",
        "pod",
        name,
        "--namespace",
        namespace,
        "--subresource=status",
        "--type=merge",
        "--patch",
        &status,
    ];
    let output = kubectl(&patch, "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn stalls_finds_the_pods_with_the_variables_and_the_rights_that_the_chart_gives_it() {
    let namespace = "found";
    create_namespace(namespace);
    let objects = rendered(namespace, json!({}));
    apply(&objects, &[]).unwrap();
    create_pod(namespace, "web-1", "10.1.2.3");

    let token = kubectl(&["create", "token", "stalls", "--namespace", namespace], "");
    assert!(token.status.success(), "{token:?}");
    let token = String::from_utf8(token.stdout).unwrap();
    let mut kubeconfig =
        serde_saphyr::from_str::<Value>(&fs::read_to_string(env::var("KUBECONFIG").unwrap()).unwrap())
            .unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": token.trim()});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    fs::write(&file, kubeconfig.to_string()).unwrap();

    let mut stalls = Command::new(env!("CARGO_BIN_EXE_stalls"));
    stalls.arg("render").env_clear().envs(variables(&objects)).env("KUBECONFIG", file);
    for directory in ["RUN_DIR", "STATE_DIR"] {
        stalls.env(directory, folder.path().join(directory));
    }
    let output = run(&mut stalls, "");
    assert!(output.status.success(), "{output:?}");
    let configuration = String::from_utf8(output.stdout).unwrap();
    // Ordinal 1 has the second port.
    let (_, second) = configuration.split_once("listen p5001\n").unwrap();
    let (second, _) = second.split_once("listen p5002\n").unwrap();
    assert!(second.contains("10.1.2.3:8080"), "{configuration}");
}
