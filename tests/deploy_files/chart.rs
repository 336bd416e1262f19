//! The Helm chart's values, and Rancher 2's form for them. `tests/helm.sh` renders the chart.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use stalls::{Fallback, Kind, SETTINGS, Setting};

use super::{DEFAULT_IN_A_CONTAINER, VERSION, text, yaml};

/// What the chart says itself: what to map, the source, the directories and the template that it mounts; and what other
/// sources have.
const NOT_IN_THE_CHART: [&str; 16] = [
    "SERVICE_NAME",
    "BACKEND_PORT",
    "BASE_PORT",
    "PORT_COUNT",
    "MAPPINGS",
    "STACK_NAME",
    "SOURCE",
    "KUBECONFIG",
    "METADATA_URL",
    "DOCKER_HOST",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_NETWORK",
    "HAPROXY_TEMPLATE",
    "STATE_DIR",
    "RUN_DIR",
];

/// The types of Rancher 2's questions that the values have.
const QUESTION_TYPES: [&str; 4] = ["string", "int", "boolean", "enum"];

/// A file of the chart.
macro_rules! chart {
    ($file:literal) => {
        include_str!(concat!("../../deploy/helm/stalls/", $file))
    };
}

fn schema() -> Value {
    serde_json::from_str(chart!("values.schema.json")).unwrap()
}

fn questions() -> Vec<Value> {
    yaml(chart!("questions.yaml"))["questions"].as_array().unwrap().clone()
}

/// The settings that the chart takes.
fn taken() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().copied().filter(|setting| !NOT_IN_THE_CHART.contains(&setting.name))
}

/// What the schema has to say of a setting. One that is empty or null counts as unset.
fn wanted(setting: &Setting) -> Value {
    match &setting.kind {
        Kind::Text(_) => json!({"type": ["string", "null"]}),
        Kind::Bool => json!({"type": ["boolean", "null"]}),
        Kind::Number(_, range) => {
            json!({"type": ["integer", "null"], "minimum": range.start(), "maximum": range.end()})
        }
        Kind::Choice(_, words) => {
            let words = words.iter().map(|word| json!(word)).chain([json!(""), Value::Null]);
            json!({"enum": words.collect::<Vec<_>>()})
        }
    }
}

#[test]
fn the_schema_has_each_setting_of_the_chart_with_its_range_and_no_other() {
    let schema = schema();
    let settings = schema["properties"]["settings"]["properties"].as_object().unwrap();
    for setting in taken() {
        assert_eq!(settings.get(setting.name), Some(&wanted(setting)), "{}", setting.name);
    }
    let known = taken().map(|setting| setting.name).collect::<BTreeSet<_>>();
    assert_eq!(settings.keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

/// What the schema says of a value, by its path.
fn schema_of(variable: &str) -> Value {
    let step = |schema: Value, key: &str| {
        let inner = &schema["properties"][key];
        // The entries of a map have names of the user's.
        if inner.is_null() { schema["additionalProperties"].clone() } else { inner.clone() }
    };
    let found = variable.split('.').fold(schema(), step);
    assert!(found.is_object(), "{variable} is no value of the chart");
    found
}

/// The type of a question about such a value.
fn question_type(schema: &Value, has_default: bool) -> &str {
    let words = schema["enum"].as_array();
    let kind = &schema["type"];
    match kind.as_str().or_else(|| kind[0].as_str()) {
        Some("integer") => "int",
        Some("boolean") => "boolean",
        // A list has no option for a value that is not set.
        None if words.is_some() && has_default => "enum",
        _ => "string",
    }
}

#[test]
fn rancher_asks_for_values_that_there_are_by_their_types() {
    let values = yaml(chart!("values.yaml"));
    for question in questions() {
        let variable = text(&question, "variable");
        let schema = schema_of(variable);
        let default = &question["default"];
        let kind = text(&question, "type");
        assert!(QUESTION_TYPES.contains(&kind), "{question}");
        assert_eq!(kind, question_type(&schema, !default.is_null()), "{question}");
        let options = question["options"].as_array();
        assert_eq!(options.is_some(), kind == "enum", "{question}");
        for option in options.into_iter().flatten().chain((!default.is_null()).then_some(default)) {
            assert!(schema["enum"].as_array().is_none_or(|words| words.contains(option)), "{question}");
        }
        assert!(["label", "description", "group"].iter().all(|key| !text(&question, key).is_empty()));
        // What is no setting has its default in values.yaml.
        let given = variable.split('.').try_fold(&values, |value, key| value.get(key));
        let is_same = given.is_none_or(|given| given == default || (given == "" && default.is_null()));
        assert!(is_same, "{question}: {given:?} in values.yaml");
    }
}

#[test]
fn rancher_asks_once_and_for_each_setting_with_its_default() {
    let questions = questions();
    let asked = questions.iter().map(|question| (text(question, "variable"), &question["default"]));
    let asked = asked.collect::<BTreeMap<_, _>>();
    assert_eq!(asked.len(), questions.len(), "a question is there twice");
    for setting in taken() {
        let wanted = match setting.fallback {
            _ if setting.name == DEFAULT_IN_A_CONTAINER.0 => json!(DEFAULT_IN_A_CONTAINER.1),
            // By the chart it depends on whether there is a PodMonitor.
            Fallback::Value(_) if setting.name == "ADMIN_LISTEN" => Value::Null,
            // As JSON has it, but for words.
            Fallback::Value(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Fallback::RequiredUnless(_) | Fallback::Found(_) => Value::Null,
        };
        let name = format!("settings.{}", setting.name);
        assert_eq!(asked.get(&*name), Some(&&wanted), "{name}");
    }
}

#[test]
fn each_value_is_in_the_schema() {
    let values = yaml(chart!("values.yaml"));
    let schema = schema();
    let known = schema["properties"].as_object().unwrap();
    let strange = values.as_object().unwrap().keys().find(|key| !known.contains_key(*key));
    assert_eq!(strange, None);
    // Rancher and umbrella charts set it.
    let missing = known.keys().filter(|key| values.get(key.as_str()).is_none()).collect::<Vec<_>>();
    assert_eq!(missing, ["global"]);
}

#[test]
fn the_chart_is_of_this_version() {
    let chart = yaml(chart!("Chart.yaml"));
    assert_eq!((text(&chart, "version"), text(&chart, "appVersion")), (VERSION, VERSION));
}
