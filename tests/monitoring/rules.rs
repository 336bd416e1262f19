//! The alerts, and Prometheus' configuration.

use std::collections::BTreeSet;

use crate::{
    files::{alerts, path, text},
    promtool::promtool,
};

fn promtool_on(arguments: &[&str], name: &str) {
    let path = path(name);
    promtool(&[arguments, &[path.to_str().expect("UTF-8")]].concat(), "");
}

#[test]
fn promtool_accepts_the_rules() {
    promtool_on(&["check", "rules", "--lint=all", "--lint-fatal"], "deploy/monitoring/stalls.rules.yml");
}

#[test]
fn the_alerts_fire_when_they_should_and_only_then() {
    promtool_on(&["test", "rules"], "deploy/monitoring/stalls.rules.test.yml");
}

#[test]
fn each_alert_has_a_unit_test_in_which_it_fires() {
    let tests = text("deploy/monitoring/stalls.rules.test.yml");
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let fires = [format!("alertname=\"{name}\""), format!("alertname: {name}\n")];
        assert!(fires.iter().any(|fires| tests.contains(fires)), "{name}");
    }
}

#[test]
fn promtool_accepts_the_configuration() {
    promtool_on(&["check", "config", "--lint=all", "--lint-fatal"], "deploy/monitoring/prometheus.yml");
}

/// The heading as GitHub makes an anchor of it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn each_alert_says_what_is_wrong_and_where_to_read_on() {
    let page = "docs/when-things-go-wrong.md";
    let text = text(page);
    let anchors: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| format!("{page}#{}", anchor(heading)))
        .collect();
    for alert in alerts() {
        let annotations = &alert["annotations"];
        let of = |name: &str| annotations[name].as_str().unwrap_or_else(|| panic!("no {name} in {alert}"));
        assert!(of("summary").ends_with('.') && of("summary").len() < 120, "{alert}");
        assert!(of("description").ends_with('.') && of("description").len() > 80, "{alert}");
        assert!(anchors.contains(of("runbook")), "{alert}");
        assert!(["critical", "warning"].contains(&alert["labels"]["severity"].as_str().unwrap()), "{alert}");
    }
}
