//! The service account of stalls, as a pod sees it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde_json::json;
use stalls_lab::stalls::Launch;

use super::{Cluster, stage::GAMES};

/// Where a pod finds it.
const FOLDER: &str = "/run/secrets/kubernetes.io/serviceaccount";

/// The service account `stalls` in `games`, its token and its folder, which is changed as kubelets do it.
pub(crate) struct Account {
    folder: PathBuf,
    versions: u32,
    /// The secret to which the newest token is bound: it is good as long as that is there.
    secret: Option<String>,
}

impl Account {
    /// Makes it, with a first token.
    pub(crate) async fn create(cluster: &Cluster) -> Self {
        let folder = cluster.path("account");
        fs::create_dir(&folder).expect("a folder can be made");
        let account = json!({"metadata": {"name": "stalls"}});
        cluster.create(&format!("/api/v1/namespaces/{GAMES}/serviceaccounts"), &account).await;
        let mut account = Self { folder, versions: 0, secret: None };
        account.renew(cluster).await;
        account
    }

    /// Gives it a new token and the cluster's present authority; the token before is not good any more.
    pub(crate) async fn renew(&mut self, cluster: &Cluster) {
        self.versions += 1;
        let name = format!("version-{}", self.versions);
        let secrets = format!("/api/v1/namespaces/{GAMES}/secrets");
        let secret = cluster.create(&secrets, &json!({"metadata": {"name": name}})).await;
        let bound =
            json!({"apiVersion": "v1", "kind": "Secret", "name": name, "uid": secret["metadata"]["uid"]});
        let request = json!({"spec": {"expirationSeconds": 3600, "boundObjectRef": bound}});
        let path = format!("/api/v1/namespaces/{GAMES}/serviceaccounts/stalls/token");
        let token = cluster.create(&path, &request).await;
        let token = token["status"]["token"].as_str().expect("a token");
        self.write(&name, token, &cluster.path("ca.pem"));
        if let Some(before) = self.secret.replace(name) {
            cluster.delete(&format!("{secrets}/{before}"), &json!({})).await;
        }
    }

    /// All files change at once.
    fn write(&self, version: &str, token: &str, ca: &Path) {
        let own = self.folder.join(version);
        fs::create_dir(&own).expect("a folder can be made");
        fs::copy(ca, own.join("ca.crt")).expect("a file can be copied");
        for (name, text) in [("token", token), ("namespace", GAMES)] {
            fs::write(own.join(name), text).expect("a file can be written");
        }
        symlink(version, self.folder.join("..next")).expect("a link can be made");
        fs::rename(self.folder.join("..next"), self.folder.join("..data")).expect("a link can be replaced");
        for name in ["token", "namespace", "ca.crt"] {
            // It is there already, unless this is the first version.
            let _ = symlink(Path::new("..data").join(name), self.folder.join(name));
        }
    }

    /// stalls starts in a pod that has it.
    pub(crate) fn launch(&self, launch: Launch, cluster: &Cluster) -> Launch {
        let mount =
            format!("mkdir -p {FOLDER} && mount --bind {} {FOLDER} && exec \"$@\"", self.folder.display());
        let (host, port) = (cluster.address().ip(), cluster.address().port());
        launch
            .without("KUBECONFIG")
            .without("STACK_NAME")
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port)
            .through(&["unshare", "--mount", "sh", "-c", &mount, "sh"])
    }
}
