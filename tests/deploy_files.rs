//! The files below `deploy/` agree with the settings and the version.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on ends at once and says why")]

#[path = "deploy_files/chart.rs"]
mod chart;

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};
use stalls::{Fallback, Kind, SETTINGS, Setting};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The question that is no setting: which image to run.
const IMAGE: &str = "STALLS_IMAGE";

/// Required by the catalog alone: its stack is on the host's network, where the metadata service cannot
/// tell which stack stalls belongs to.
const REQUIRED_IN_THE_CATALOG: &str = "STACK_NAME";

/// What the default of a setting comes to in a container, if it depends on where stalls runs: stdout is no
/// terminal there.
const DEFAULT_IN_A_CONTAINER: (&str, &str) = ("LOG_FORMAT", "json");

/// The types that Rancher's catalog has (`Question` in rancher/rancher-catalog-service), but for `service`,
/// `certificate` and `password`, which no setting is.
const QUESTION_TYPES: [&str; 5] = ["string", "int", "boolean", "enum", "multiline"];

#[derive(Debug, PartialEq)]
struct Asked {
    kind: String,
    required: bool,
    default: Option<String>,
}

/// A file of the catalog's entry.
macro_rules! catalog {
    ($file:literal) => {
        yaml(include_str!(concat!("../deploy/rancher/catalog/templates/stalls/", $file)))
    };
}

/// A file below `deploy/`.
macro_rules! deploy {
    ($file:literal) => {
        include_str!(concat!("../deploy/", $file))
    };
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// How the catalog has to ask for each setting.
fn settings() -> BTreeMap<String, Asked> {
    SETTINGS.iter().map(|setting| (setting.name.to_owned(), asked(setting))).collect()
}

fn asked(setting: &Setting) -> Asked {
    let default = match setting.fallback {
        Fallback::Value(text) => Some(text),
        Fallback::Found(_) if setting.name == DEFAULT_IN_A_CONTAINER.0 => Some(DEFAULT_IN_A_CONTAINER.1),
        Fallback::RequiredUnless(_) | Fallback::Found(_) => None,
    };
    let kind = match setting.kind {
        Kind::Number(..) => "int",
        Kind::Bool => "boolean",
        // A list has no option for a setting that is not set.
        Kind::Choice(..) if default.is_some() => "enum",
        Kind::Choice(..) | Kind::Text(_) => "string",
    };
    Asked {
        kind: kind.to_owned(),
        // Each is one way of two, and a question that is required must be answered.
        required: false,
        default: default.map(str::to_owned),
    }
}

fn questions() -> Vec<Value> {
    catalog!("0/rancher-compose.yml")[".catalog"]["questions"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text at {key} of {value}"))
}

#[test]
fn the_catalog_asks_for_each_setting_once_with_its_type_and_default_and_nothing_else() {
    let mut wanted = settings();
    wanted.get_mut(REQUIRED_IN_THE_CATALOG).unwrap().required = true;
    let image =
        Asked { kind: "string".to_owned(), required: true, default: Some(format!("stalls:{VERSION}")) };
    wanted.insert(IMAGE.to_owned(), image);

    let questions = questions();
    let asked = questions.iter().map(|question| {
        let default = match &question["default"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            number => Some(number.to_string()),
        };
        let kind = text(question, "type").to_owned();
        let asked = Asked { kind, required: question["required"].as_bool().unwrap(), default };
        (text(question, "variable").to_owned(), asked)
    });
    assert_eq!(asked.collect::<BTreeMap<_, _>>(), wanted);
    assert_eq!(questions.len(), wanted.len(), "a question is there twice");
}

#[test]
fn each_question_is_one_that_rancher_can_show() {
    let known = ["variable", "label", "description", "type", "default", "required", "options"];
    for question in questions() {
        assert!(!text(&question, "label").is_empty() && !text(&question, "description").is_empty());
        let kind = text(&question, "type");
        assert!(QUESTION_TYPES.contains(&kind), "{question}");
        let strange = question.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str()));
        assert_eq!(strange, None, "{question}");
        let options = question["options"].as_array();
        assert_eq!(options.is_some(), kind == "enum", "{question}");
        let default = &question["default"];
        assert!(options.is_none_or(|all| default.is_null() || all.contains(default)), "{question}");
        // Rancher's own templates quote a boolean, so that no YAML parser takes it for something else.
        assert!(kind != "boolean" || default.is_string(), "{question}");
        assert!(kind != "int" || default.is_null() || default.is_u64(), "{question}");
    }
}

#[test]
fn the_options_are_the_words_that_stalls_takes() {
    for question in questions() {
        let Some(options) = question["options"].as_array() else { continue };
        let setting = SETTINGS.iter().find(|setting| setting.name == text(&question, "variable")).unwrap();
        let Kind::Choice(_, words) = setting.kind else { panic!("{} is no choice", setting.name) };
        assert_eq!(*options, words);
    }
}

#[test]
fn the_catalogs_stack_passes_every_answer_on() {
    let stalls = catalog!("0/docker-compose.yml")["services"]["stalls"].clone();
    let passed: BTreeMap<_, _> =
        settings().into_keys().map(|name| (name.clone(), format!("${{{name}}}"))).collect();
    assert_eq!(stalls["environment"], json!(passed));
    assert_eq!(stalls["image"], format!("${{{IMAGE}}}"));
}

#[test]
fn the_catalogs_stack_is_the_one_for_the_hosts_network() {
    let without_values = |mut compose: Value| {
        let stalls = compose["services"]["stalls"].as_object_mut().unwrap();
        stalls.remove("image");
        stalls.remove("environment");
        compose
    };
    let own = yaml(deploy!("rancher/host-network/docker-compose.yml"));
    assert_eq!(without_values(catalog!("0/docker-compose.yml")), without_values(own));
    let own = yaml(deploy!("rancher/host-network/rancher-compose.yml"));
    assert_eq!(catalog!("0/rancher-compose.yml")["services"], own["services"]);
}

/// The names of the settings that a file gives values to.
fn set_by_stalls_of(compose: &Value) -> Vec<String> {
    compose["services"]["stalls"]["environment"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn what_is_deployed_sets_only_what_is_a_setting_and_says_what_to_map() {
    let settings = settings();
    let compose = [
        deploy!("rancher/host-network/docker-compose.yml"),
        deploy!("rancher/managed-network/docker-compose.yml"),
        deploy!("compose/docker-compose.yml"),
        deploy!("swarm/stack.yml"),
    ];
    let unit = deploy!("systemd/stalls.env").lines().filter(|line| !line.starts_with('#'));
    let unit = unit.map(|line| line.split_once('=').unwrap().0.to_owned()).collect();
    for set in compose.map(|file| set_by_stalls_of(&yaml(file))).into_iter().chain([unit]) {
        assert!(set.iter().all(|name| settings.contains_key(name)), "{set:?}");
        let is_set = |name: &str| set.iter().any(|set| set == name);
        let is_said = |setting: &&Setting| match setting.fallback {
            Fallback::RequiredUnless(other) => is_set(setting.name) != is_set(other),
            Fallback::Value(_) | Fallback::Found(_) => true,
        };
        assert!(SETTINGS.iter().all(is_said), "{set:?}");
    }
}

#[test]
fn the_pool_on_the_managed_network_is_what_is_published() {
    let compose = yaml(deploy!("rancher/managed-network/docker-compose.yml"));
    let stalls = &compose["services"]["stalls"];
    let base: usize = text(&stalls["environment"], "BASE_PORT").parse().unwrap();
    let ports = stalls["ports"].as_array().unwrap();
    assert!(!ports.is_empty());
    for (port, published) in (base..).zip(ports) {
        assert_eq!(*published, format!("{port}:{port}/tcp"));
    }
}

#[test]
fn rancher_asks_for_health_where_stalls_answers() {
    let rancher = yaml(deploy!("rancher/managed-network/rancher-compose.yml"));
    let stack = yaml(deploy!("rancher/managed-network/docker-compose.yml"));
    let admin: SocketAddr =
        text(&stack["services"]["stalls"]["environment"], "ADMIN_LISTEN").parse().unwrap();
    assert!(admin.ip().is_unspecified());
    assert_eq!(rancher["services"]["stalls"]["health_check"]["port"], admin.port());
}

#[test]
fn on_workers_stalls_asks_the_proxy_which_lets_through_what_it_asks_for() {
    let workers = yaml(deploy!("swarm/workers.yml"));
    let settings = settings();
    assert!(set_by_stalls_of(&workers).iter().all(|name| settings.contains_key(name)));
    let proxy = &workers["services"]["proxy"];
    let host = text(&workers["services"]["stalls"]["environment"], "DOCKER_HOST");
    assert!(host.starts_with("tcp://") && host.ends_with(&format!(":{}", proxy["ports"][0]["published"])));
    // As docs/swarm.md has it; /version and /events are let through anyway.
    assert_eq!(proxy["environment"], json!({"TASKS": "1", "SERVICES": "1", "NODES": "1", "POST": "0"}));
}

#[test]
fn every_file_means_this_version() {
    assert_eq!(catalog!("config.yml")["version"], VERSION);
    assert_eq!(catalog!("0/rancher-compose.yml")[".catalog"]["version"], VERSION);
    for compose in [
        deploy!("rancher/host-network/docker-compose.yml"),
        deploy!("rancher/managed-network/docker-compose.yml"),
        deploy!("swarm/stack.yml"),
    ] {
        assert_eq!(yaml(compose)["services"]["stalls"]["image"], format!("stalls:{VERSION}"));
    }
    for compose in [
        deploy!("compose/docker-compose.yml"),
        deploy!("logging/docker-compose.yml"),
        deploy!("monitoring/docker-compose.yml"),
    ] {
        for image in compose.lines().filter_map(|line| line.trim().strip_prefix("image: ")) {
            assert!(image.starts_with('*') || image.ends_with(&format!(":{VERSION}}}")), "{image}");
        }
    }
}
