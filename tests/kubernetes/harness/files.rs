//! The files that the cluster's servers and clients read.

use std::{fs, net::SocketAddr, path::Path};

use serde_json::json;

/// The token of the administrator, as whom the test, the node and the controllers come.
pub(crate) const ADMIN: &str = "token-of-the-administrator";

/// The name of stalls' user.
pub(crate) const USER: &str = "stalls";

/// The token of that.
pub(super) const TOKEN: &str = "token-of-stalls";

/// Writes those that are the same for as long as the cluster is there.
pub(super) fn write(folder: &Path, server: SocketAddr) {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "None", "userGroups": ["system:masters"]}, {"level": "Metadata"}],
    });
    let tokens = format!("{ADMIN},admin,1,system:masters\n{TOKEN},{USER},2\n");
    for (name, text) in [
        ("audit.json", policy.to_string()),
        ("tokens.csv", tokens),
        ("admin.yaml", kubeconfig(folder, server, ADMIN)),
    ] {
        fs::write(folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A kubeconfig for the user who has this token.
pub(super) fn kubeconfig(folder: &Path, server: SocketAddr, token: &str) -> String {
    let folder = folder.display();
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster:
    certificate-authority: {folder}/ca.pem
    server: https://{server}
users:
- name: user
  user:
    token: {token}
contexts:
- name: lab
  context:
    cluster: lab
    user: user
current-context: lab
"
    )
}
