//! The StatefulSet `web` in the namespace `games`, and stalls in front of it.

use std::{collections::BTreeMap, fs, net::SocketAddr, ops::Range, path::PathBuf};

use serde_json::Value;
use stalls_lab::{
    client::{await_refused, landing},
    stalls::{Launch, Stalls, check_form},
};

use super::{
    Cluster, Proxy, SOON, eventually,
    files::{TOKEN, kubeconfig},
};

/// The first port of the pool, that of `web-0`.
pub(crate) const BASE: u16 = 5000;

/// How many ports the pool has.
pub(crate) const POOL: u16 = 8;

/// The namespace.
pub(crate) const GAMES: &str = "games";

/// The rights that stalls needs.
pub(crate) const RIGHTS: &[&str] = &["list", "watch"];

/// A cluster and stalls, which comes to the API server through a proxy.
///
/// At its end the form of every line that stalls has logged is checked.
pub(crate) struct Stage {
    stalls: Option<Stalls>,
    pub(crate) proxy: Proxy,
    pub(crate) cluster: Cluster,
}

impl Stage {
    /// Everything runs, and every port is as it should be.
    pub(crate) async fn started(replicas: usize) -> Self {
        let mut stage = Self::prepared(replicas).await;
        stage.start(stage.launch());
        stage.settled().await;
        stage
    }

    /// Everything runs but stalls.
    pub(crate) async fn prepared(replicas: usize) -> Self {
        let stage = Self::bare(Cluster::start().await).await;
        stage.cluster.namespace(GAMES, RIGHTS).await;
        stage.cluster.stateful_set(GAMES, "web", replicas).await;
        stage
    }

    /// A cluster in which nothing runs.
    pub(crate) async fn bare(cluster: Cluster) -> Self {
        let proxy = Proxy::start(cluster.address()).await;
        Self { stalls: None, proxy, cluster }
    }

    /// How stalls is to be started.
    pub(crate) fn launch(&self) -> Launch {
        Launch::new(env!("CARGO_BIN_EXE_stalls"), self.cluster.block.listen_ip(), "")
            .without("METADATA_URL")
            .without("POLL_SLEEP_TIME_MS")
            .env("SOURCE", "kubernetes")
            .env("KUBECONFIG", self.kubeconfig().display())
            .env("STACK_NAME", GAMES)
            .env("PORT_COUNT", POOL)
    }

    fn kubeconfig(&self) -> PathBuf {
        let path = self.cluster.path("stalls.yaml");
        let text = kubeconfig(&self.cluster.path(""), self.proxy.address(), TOKEN);
        fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Starts stalls so.
    pub(crate) fn start(&mut self, launch: Launch) {
        self.stalls = Some(launch.start());
    }

    /// The running stalls.
    pub(crate) fn stalls(&self) -> &Stalls {
        self.stalls.as_ref().expect("stalls was started")
    }

    /// The ordinals that have ports.
    pub(crate) fn ordinals(&self) -> Range<u16> {
        0..POOL
    }

    /// The port of the pod of `games/web` with this ordinal, and what that one says it is.
    pub(crate) fn place(&self, ordinal: u16) -> (SocketAddr, String) {
        (self.port(BASE + ordinal), format!("{GAMES}/web-{ordinal}"))
    }

    /// Where a port listens.
    pub(crate) fn port(&self, port: u16) -> SocketAddr {
        self.cluster.block.listen(port)
    }

    /// Waits until the ports lead to the pods of `games/web` that are ready, and the others refuse; these pods' uids by
    /// their ordinals are the result.
    pub(crate) async fn settled(&self) -> BTreeMap<u16, String> {
        let pods = self.cluster.pods(GAMES).await;
        let ordinal = |name: &str| name.strip_prefix("web-")?.parse().ok();
        let pods: BTreeMap<u16, _> =
            pods.into_iter().filter_map(|(name, uid)| Some((ordinal(&name)?, uid))).collect();
        for ordinal in self.ordinals() {
            let (port, _) = self.place(ordinal);
            match pods.get(&ordinal) {
                Some(uid) => self.leads_to(port, uid).await,
                None => self.refuses(port).await,
            }
        }
        // Before, connections to a pod may be cut with those to its predecessor.
        self.stalls().await_told(|told| told.applied().map(drop), SOON).await;
        pods
    }

    /// Waits until this port leads to the pod with this uid.
    pub(crate) async fn leads_to(&self, port: SocketAddr, uid: &str) {
        eventually(&format!("{port} leads to {uid}"), async || {
            landing(port).await.is_ok_and(|landing| landing.name == uid)
        })
        .await;
    }

    /// Waits until this port refuses.
    pub(crate) async fn refuses(&self, port: SocketAddr) {
        await_refused(port, SOON).await.unwrap_or_else(|not_yet| panic!("{not_yet}"));
    }

    /// Waits for a line of stalls' log that says this.
    #[track_caller]
    pub(crate) fn line(&self, message: &str) -> impl Future<Output = Value> {
        self.stalls().await_log(move |line| line["msg"] == message, SOON)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(stalls) = self.stalls.as_ref().filter(|_| !std::thread::panicking()) {
            stalls.log_texts().iter().for_each(|line| check_form(line));
        }
    }
}
