//! A real Prometheus with the rules under test.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::{
    files::{path, yaml},
    http::get,
    promtool::program,
};

/// How often a condition is looked at that cannot be awaited.
const CHECK_EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Prometheus {
    address: SocketAddr,
    _process: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes these hosts as `deploy/monitoring/prometheus.yml` does, but each second.
    pub(crate) fn start(hosts: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let mut config = yaml("deploy/monitoring/prometheus.yml");
        config["global"] = json!({"scrape_interval": "1s", "evaluation_interval": "1s"});
        config["rule_files"] = json!([path("deploy/monitoring/stalls.rules.yml")]);
        config["scrape_configs"][0]["static_configs"] = json!([{"targets": hosts}]);
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config.to_string()).expect("a configuration can be written");
        let log = fs::File::create(folder.path().join("log")).expect("a log can be written");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        let address = free.expect("there are free ports");
        let process = Command::new(program("prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("Prometheus can be started");
        Self { address, _process: process, _folder: folder }
    }

    async fn alerts(&self) -> Vec<Value> {
        // It does not listen yet when it has just been started.
        let Ok((_, body)) = get(self.address, "/api/v1/alerts").await else { return Vec::new() };
        let Ok(mut answer) = serde_json::from_str::<Value>(&body) else { return Vec::new() };
        serde_json::from_value(answer["data"]["alerts"].take()).unwrap_or_default()
    }

    /// The alerts that fire, each with its host.
    pub(crate) async fn firing(&self) -> BTreeSet<(String, String)> {
        let alerts = self.alerts().await;
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        let label = |alert: &Value, name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        firing.map(|alert| (label(alert, "alertname"), label(alert, "instance"))).collect()
    }

    /// Waits until these alerts fire, and no others.
    pub(crate) async fn await_firing(&self, wanted: &[(&str, SocketAddr)], within: Duration) {
        let wanted = wanted.iter().map(|(name, host)| ((*name).to_owned(), host.to_string())).collect();
        let begun = Instant::now();
        loop {
            let firing = self.firing().await;
            if firing == wanted {
                return;
            }
            assert!(begun.elapsed() < within, "{firing:?} fire after {within:?}, and not {wanted:?}");
            sleep(CHECK_EVERY).await;
        }
    }

    /// Waits until it has scraped all these hosts.
    pub(crate) async fn await_scraped(&self, hosts: usize, within: Duration) {
        let begun = Instant::now();
        while self.value("sum(up)").await != Some(hosts as f64) {
            assert!(begun.elapsed() < within, "not all {hosts} hosts are scraped after {within:?}");
            sleep(CHECK_EVERY).await;
        }
    }

    /// The value of a query that has a single one.
    pub(crate) async fn value(&self, query: &str) -> Option<f64> {
        let (_, body) = get(self.address, &format!("/api/v1/query?query={query}")).await.ok()?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}
