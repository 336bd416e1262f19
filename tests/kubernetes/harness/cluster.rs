//! A cluster: etcd, the API server, the controllers and one node.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use serde_json::Value;
use stalls_lab::block::Block;
use tempfile::TempDir;

use super::{api::Api, certificates, eventually, files, kubelet::Kubelet, server::Server};

/// The port of the API server.
const API_PORT: u16 = 6443;

/// The port of etcd.
const ETCD_PORT: u16 = 2379;

/// The port on which etcd would talk to its like.
const PEER_PORT: u16 = 2380;

/// A running cluster, on a block of loopback addresses and in a folder of its own.
pub(crate) struct Cluster {
    pub(crate) kubelet: Kubelet,
    pub(crate) api: Arc<Api>,
    pub(crate) api_server: Option<Server>,
    controllers: Option<Server>,
    etcd: Option<Server>,
    /// Where etcd keeps its data, below the folder.
    data: String,
    /// What the API server is started with beside the usual.
    extra: Vec<String>,
    pub(crate) block: Block,
    folder: TempDir,
}

// === Starting ===

impl Cluster {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one whose API server has these arguments, too.
    pub(crate) async fn start_with(extra: &[&str]) -> Self {
        let block = Block::reserve();
        let folder = tempfile::tempdir_in(variable("KUBERNETES_FOLDER")).expect("a folder can be made");
        let server = SocketAddr::from((block.metadata_ip(), API_PORT));
        files::write(folder.path(), server);
        certificates::create_authority(folder.path(), block.metadata_ip());
        certificates::create_account_key(folder.path());
        let api = Arc::new(Api::new(server, files::ADMIN, &folder.path().join("ca.pem")));
        let mut cluster = Self {
            kubelet: Kubelet::start(Arc::clone(&api)),
            api,
            api_server: None,
            controllers: None,
            etcd: None,
            data: "etcd".to_owned(),
            extra: extra.iter().map(ToString::to_string).collect(),
            block,
            folder,
        };
        cluster.start_etcd();
        cluster.start_api_server().await;
        cluster.start_controllers();
        cluster
    }

    /// Starts the API server, and waits until it answers.
    pub(crate) async fn start_api_server(&mut self) {
        let (address, etcd) = (self.block.metadata_ip(), self.etcd_url());
        let mut arguments = vec![
            format!("etcd-servers={etcd}"),
            format!("bind-address={address}"),
            format!("advertise-address={address}"),
            format!("secure-port={API_PORT}"),
            format!("tls-cert-file={}", self.path("server.pem").display()),
            format!("tls-private-key-file={}", self.path("server.key").display()),
            format!("token-auth-file={}", self.path("tokens.csv").display()),
            "authorization-mode=RBAC".to_owned(),
            format!("service-account-key-file={}", self.path("accounts.pem").display()),
            format!("service-account-signing-key-file={}", self.path("accounts.key").display()),
            "service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // Nobody has to be told where the API server is, and no pod gets a token.
            "endpoint-reconciler-type=none".to_owned(),
            "disable-admission-plugins=ServiceAccount".to_owned(),
            // What is not needed takes half of the time that it takes to start.
            "runtime-config=api/beta=false".to_owned(),
            "feature-gates=APIPriorityAndFairness=false".to_owned(),
            format!("audit-log-path={}", self.path("audit.log").display()),
            format!("audit-policy-file={}", self.path("audit.json").display()),
        ];
        arguments.extend(self.extra.iter().cloned());
        self.api_server = Some(self.server("kube-apiserver", &arguments));
        eventually("the API server is ready", async || {
            self.api.get("/readyz").await.is_ok_and(|answer| answer == "ok")
        })
        .await;
    }

    /// Starts the controllers anew: they do not live through a change of the authority, and are deaf to a server whose
    /// versions are older than those that they have seen.
    fn start_controllers(&mut self) {
        self.controllers = None;
        let arguments = [
            format!("kubeconfig={}", self.path("admin.yaml").display()),
            "controllers=statefulset,replicaset,garbagecollector".to_owned(),
            "leader-elect=false".to_owned(),
            "port=0".to_owned(),
            "secure-port=0".to_owned(),
            "kube-api-qps=1000".to_owned(),
            "kube-api-burst=1000".to_owned(),
        ];
        self.controllers = Some(self.server("kube-controller-manager", &arguments));
    }

    fn start_etcd(&mut self) {
        let (url, peer) = (self.etcd_url(), self.peer_url());
        let arguments = [
            format!("data-dir={}", self.path(&self.data).display()),
            format!("listen-client-urls={url}"),
            format!("advertise-client-urls={url}"),
            format!("listen-peer-urls={peer}"),
            format!("initial-advertise-peer-urls={peer}"),
            format!("initial-cluster=default={peer}"),
        ];
        self.etcd = Some(self.server("etcd", &arguments));
    }

    fn server(&self, program: &str, arguments: &[String]) -> Server {
        Server::start(&binary(program), arguments, &self.path(&format!("{program}.log")))
    }
}

// === Its parts ===

impl Cluster {
    /// Where the API server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (self.block.metadata_ip(), API_PORT).into()
    }

    /// A file in the cluster's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// stalls' user, as the test.
    pub(crate) fn as_stalls(&self) -> Api {
        Api::new(self.address(), files::TOKEN, &self.path("ca.pem"))
    }

    /// What the API server was asked by others than the administrator so far, in the words of its audit log.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path("audit.log")).expect("there is an audit log");
        log.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect()
    }

    fn etcd_url(&self) -> String {
        format!("http://{}:{ETCD_PORT}", self.block.metadata_ip())
    }

    fn peer_url(&self) -> String {
        format!("http://{}:{PEER_PORT}", self.block.metadata_ip())
    }
}

// === What happens to it ===

impl Cluster {
    /// Starts the API server anew with a certificate that another authority has signed.
    pub(crate) async fn replace_authority(&mut self) {
        self.kill_api_server();
        certificates::create_authority(self.folder.path(), self.block.metadata_ip());
        self.api.trust(&self.path("ca.pem"));
        self.start_api_server().await;
        self.start_controllers();
    }

    /// Kills the API server.
    pub(crate) fn kill_api_server(&mut self) {
        self.api_server = None;
    }

    /// Has etcd forget all versions but the newest.
    pub(crate) async fn compact(&self) {
        let list = self.api.get("/api/v1/namespaces?limit=1").await.expect("a list");
        let version = list["metadata"]["resourceVersion"].as_str().expect("a version");
        self.etcdctl(&["compact", version]);
    }

    /// Saves what etcd has.
    pub(crate) fn save(&self, name: &str) {
        self.etcdctl(&["snapshot", "save", &self.path(name).display().to_string()]);
    }

    /// Ends etcd and the API server, and starts them with what etcd had then.
    pub(crate) async fn restore(&mut self, name: &str) {
        self.kill_api_server();
        self.etcd = None;
        self.data = format!("{name}-etcd");
        let (saved, peer) = (self.path(name).display().to_string(), self.peer_url());
        self.etcdctl(&[
            "snapshot",
            "restore",
            &saved,
            &format!("--data-dir={}", self.path(&self.data).display()),
            &format!("--initial-advertise-peer-urls={peer}"),
            &format!("--initial-cluster=default={peer}"),
        ]);
        self.start_etcd();
        self.start_api_server().await;
        self.start_controllers();
    }

    #[track_caller]
    fn etcdctl(&self, arguments: &[&str]) {
        let mut etcdctl = Command::new(binary("etcdctl"));
        let output = etcdctl.args(["--endpoints", &self.etcd_url()]).args(arguments).output();
        let output = output.expect("etcdctl can be started");
        assert!(output.status.success(), "{etcdctl:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn binary(program: &str) -> PathBuf {
    Path::new(&variable("KUBERNETES_SERVERS")).join(program)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: tests/kubernetes.sh runs these tests"))
}
