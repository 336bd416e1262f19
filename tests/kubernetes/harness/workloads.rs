//! What runs on the cluster.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{api::ApiError, cluster::Cluster, eventually, files::USER};

/// The uids of pods that are ready, by name.
pub(crate) type Pods = BTreeMap<String, String>;

impl Cluster {
    /// Makes a namespace in which stalls may do these things with pods.
    pub(crate) async fn namespace(&self, namespace: &str, verbs: &[&str]) {
        let metadata = json!({"name": namespace});
        self.create("/api/v1/namespaces", &json!({"metadata": metadata})).await;
        let role = json!({"metadata": {"name": "stalls"}, "rules": rules(verbs)});
        let group = "rbac.authorization.k8s.io";
        let subject = |kind: &str, name: &str| json!({"kind": kind, "name": name, "namespace": namespace});
        let binding = json!({
            "metadata": {"name": "stalls"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "stalls"},
            "subjects": [
                {"apiGroup": group, "kind": "User", "name": USER},
                subject("ServiceAccount", "stalls"),
            ],
        });
        let path = format!("/apis/{group}/v1/namespaces/{namespace}");
        self.create(&format!("{path}/roles"), &role).await;
        self.create(&format!("{path}/rolebindings"), &binding).await;
    }

    /// Changes what stalls may do with the pods of a namespace.
    pub(crate) async fn allow(&self, namespace: &str, verbs: &[&str]) {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/stalls");
        self.patch(&path, &json!({"rules": rules(verbs)})).await;
    }

    /// Makes a StatefulSet with so many pods, each with the port `http`, 8080, and waits until they are ready.
    pub(crate) async fn stateful_set(&self, namespace: &str, name: &str, replicas: usize) {
        let set = json!({
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "serviceName": name,
                // One after the other is what the controller does otherwise; it does not matter here.
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec()},
            },
        });
        self.create(&format!("/apis/apps/v1/namespaces/{namespace}/statefulsets"), &set).await;
        self.scaled(namespace, name, replicas).await;
    }

    /// Changes a StatefulSet by a merge patch.
    pub(crate) async fn patch_stateful_set(&self, namespace: &str, name: &str, patch: &Value) {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}");
        self.patch(&path, patch).await;
    }

    /// Changes how many pods a StatefulSet has, and waits until these are all that there are.
    pub(crate) async fn scale(&self, namespace: &str, name: &str, replicas: usize) {
        self.patch_stateful_set(namespace, name, &json!({"spec": {"replicas": replicas}})).await;
        self.scaled(namespace, name, replicas).await;
    }

    async fn scaled(&self, namespace: &str, name: &str, replicas: usize) {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}");
        eventually("the StatefulSet has as many pods, and all are ready", async || {
            let Ok(set) = self.api.get(&path).await else { return false };
            let status = |field| set["status"][field].as_u64().unwrap_or_default();
            let is_seen = set["status"]["observedGeneration"] == set["metadata"]["generation"];
            let counts = [status("replicas"), status("readyReplicas")];
            is_seen && counts.iter().all(|count| *count == replicas as u64)
        })
        .await;
    }

    /// Deletes a StatefulSet, with its pods (`Background`) or without (`Orphan`), and waits until it is gone.
    pub(crate) async fn delete_stateful_set(&self, namespace: &str, name: &str, policy: &str) {
        let path = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}");
        self.delete(&path, &json!({"propagationPolicy": policy})).await;
        eventually("the StatefulSet is gone", async || {
            matches!(self.api.get(&path).await, Err(ApiError::Refused(404, _)))
        })
        .await;
    }

    /// Makes a pod that no controller has, with these labels and annotations.
    pub(crate) async fn pod(&self, namespace: &str, name: &str, labels: Value, annotations: Value) {
        let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
        let pod = json!({"metadata": metadata, "spec": pod_spec()});
        self.create(&format!("/api/v1/namespaces/{namespace}/pods"), &pod).await;
    }

    /// Deletes a pod, as kubectl does, or with `force` without its node.
    pub(crate) async fn delete_pod(&self, namespace: &str, name: &str, force: bool) {
        let options = if force { json!({"gracePeriodSeconds": 0}) } else { json!({}) };
        self.delete(&format!("/api/v1/namespaces/{namespace}/pods/{name}"), &options).await;
    }

    /// The pods of a namespace that are ready and not about to go.
    pub(crate) async fn pods(&self, namespace: &str) -> Pods {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let list = self.api.get(&path).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let pods = list["items"].as_array().expect("a list has items").iter();
        pods.filter(|pod| is_ready(pod)).map(|pod| (metadata(pod, "name"), metadata(pod, "uid"))).collect()
    }

    /// Waits until a namespace has so many pods that are ready, and no others; they are the result.
    pub(crate) async fn ready_pods(&self, namespace: &str, count: usize) -> Pods {
        self.pods_when(namespace, |pods| pods.len() == count).await
    }

    /// Waits until other pods are ready in the places of these; they are the result.
    pub(crate) async fn replaced(&self, namespace: &str, before: &Pods) -> Pods {
        let is_other = |pods: &Pods, name, uid| pods.get(name).is_some_and(|now| now != uid);
        self.pods_when(namespace, |pods| before.iter().all(|(name, uid)| is_other(pods, name, uid))).await
    }

    async fn pods_when(&self, namespace: &str, are_right: impl Fn(&Pods) -> bool) -> Pods {
        let mut pods = Pods::new();
        eventually("the pods are as they should be", async || {
            pods = self.pods(namespace).await;
            are_right(&pods)
        })
        .await;
        pods
    }

    /// Makes an object; what it is then is the result.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> Value {
        self.api.create(path, object).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn patch(&self, path: &str, patch: &Value) {
        self.api.patch(path, patch).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, path: &str, options: &Value) {
        self.api.delete(path, options).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

fn rules(verbs: &[&str]) -> Value {
    json!([{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}])
}

fn pod_spec() -> Value {
    let port = json!({"name": "http", "containerPort": 8080});
    json!({"containers": [{"name": "main", "image": "none", "ports": [port]}]})
}

fn metadata(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().expect("each object has it").to_owned()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready =
        conditions.filter(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    ready.next().is_some() && pod["metadata"]["deletionTimestamp"].is_null()
}
