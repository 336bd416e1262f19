//! The files under test.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// The path of a file of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The alerts of `stalls.rules.yml`.
pub(crate) fn alerts() -> Vec<Value> {
    yaml("deploy/monitoring/stalls.rules.yml")["groups"][0]["rules"].as_array().unwrap().clone()
}

pub(crate) fn dashboard() -> Value {
    serde_json::from_str(&text("deploy/monitoring/grafana-dashboard.json")).unwrap()
}

/// The panels of the dashboard, those in rows too.
pub(crate) fn panels() -> Vec<Value> {
    let dashboard = dashboard();
    let outer = dashboard["panels"].as_array().unwrap();
    let inner = outer.iter().filter_map(|panel| panel["panels"].as_array()).flatten();
    outer.iter().chain(inner).cloned().collect()
}

/// The queries of a panel, with Grafana's variables replaced by what they may be.
pub(crate) fn queries(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().into_iter().flatten();
    targets
        .map(|target| {
            let query = target["expr"].as_str().unwrap_or_else(|| panic!("no expr in {target}"));
            let values = [("$__rate_interval", "1m"), ("$job", "stalls"), ("$instance", ".+")];
            values.into_iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value))
        })
        .collect()
}
