//! The file by which a client finds the server.

use std::net::SocketAddr;

/// A kubeconfig with one context, of this namespace or of none.
pub(super) fn kubeconfig(server: SocketAddr, token: &str, namespace: Option<&str>) -> String {
    let namespace = namespace.map(|name| format!("    namespace: {name}\n")).unwrap_or_default();
    format!(
        "apiVersion: v1
kind: Config
current-context: lab
preferences: {{}}
clusters:
- name: cluster-of-the-lab
  cluster:
    server: http://{server}
users:
- name: stalls
  user:
    token: {token}
contexts:
- name: lab
  context:
    cluster: cluster-of-the-lab
    user: stalls
{namespace}"
    )
}
