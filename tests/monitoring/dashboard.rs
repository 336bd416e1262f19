//! The dashboard, as far as that can be known without Grafana, which rejects a board without a word.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    files::{dashboard, panels, queries},
    promtool::promtool,
};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn it_is_a_board_of_the_first_model_with_a_name() {
    let dashboard = dashboard();
    assert!(number(&dashboard["schemaVersion"]) >= 36, "it needs data sources by uid");
    assert_eq!(dashboard["title"], "stalls");
    let uid = dashboard["uid"].as_str().unwrap();
    assert!(!uid.is_empty() && uid.len() <= 40, "{uid}");
    assert_eq!(dashboard.get("id"), None, "Grafana gives one");
}

#[test]
fn the_ids_of_its_panels_are_unique() {
    let ids: Vec<_> = panels().iter().map(|panel| number(&panel["id"])).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn its_panels_fill_the_grid_of_24_columns_and_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for panel in panels() {
        let at = |name: &str| number(&panel["gridPos"][name]);
        assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24, "{panel}");
        for cell in
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{} overlaps at {cell:?}", panel["title"]);
        }
    }
    let rows = taken.iter().map(|(_, y)| y).max().unwrap() + 1;
    assert_eq!(taken.len() as u64, rows * 24);
}

#[test]
fn each_panel_has_a_title_a_description_and_queries_of_the_chosen_prometheus() {
    for panel in panels().iter().filter(|panel| panel["type"] != "row") {
        for name in ["title", "description"] {
            assert!(panel[name].as_str().is_some_and(|text| !text.is_empty()), "{panel}");
        }
        assert!(!queries(panel).is_empty(), "{panel}");
        let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"], chosen, "{panel}");
        }
    }
}

#[test]
fn promtool_accepts_its_queries() {
    let panels = panels();
    let queries: Vec<_> = panels.iter().flat_map(queries).collect();
    assert!(queries.iter().all(|query| !query.contains('$')), "{queries:?}");
    let rules: Vec<_> = queries
        .iter()
        .zip(0..)
        .map(|(query, n)| json!({"record": format!("query:{n}"), "expr": query}))
        .collect();
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    promtool(&["check", "rules", "/dev/stdin"], &groups.to_string());
}
