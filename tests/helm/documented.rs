//! What the documentation tells people to type, and the manifest that it applies.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::chart::{container, helm, only, parse, path, pod, run, variable};

const BROKERS: &str = "deploy/helm/examples/brokers.yaml";

fn text(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What the commands `helm install` of a page render.
fn installations(page: &str) -> Vec<Vec<Value>> {
    let text = text(page).replace("\\\n", " ");
    let commands = text.lines().filter_map(|line| line.trim().strip_prefix("helm install"));
    let rendered = commands.map(|rest| {
        let rest = rest.replace("--create-namespace", "");
        let arguments = ["template"].into_iter().chain(rest.split_whitespace()).collect::<Vec<_>>();
        parse(&helm(&arguments, "").unwrap_or_else(|said| panic!("{rest}: {said}")))
    });
    rendered.collect()
}

#[test]
fn each_installation_renders() {
    for page in ["docs/kubernetes.md", "deploy/helm/stalls/README.md"] {
        let installations = installations(page);
        assert!(!installations.is_empty(), "{page}");
        assert!(installations.iter().all(|objects| variable(objects, "MAPPINGS").is_some()), "{page}");
    }
}

/// The value of a variable of a container.
fn set<'a>(container: &'a Value, name: &str) -> &'a str {
    let variables = container["env"].as_array().unwrap();
    let variable = variables.iter().find(|variable| variable["name"] == name);
    variable.unwrap_or_else(|| panic!("no {name}"))["value"].as_str().unwrap()
}

#[test]
fn each_broker_announces_the_port_on_which_stalls_has_it() {
    let objects = parse(&text(BROKERS));
    let pod = pod(&objects);
    let broker = container(&pod);
    let base: u16 = set(broker, "EXTERNAL_BASE_PORT").parse().unwrap();
    let external =
        broker["ports"].as_array().unwrap().iter().find(|port| port["name"] == "external").unwrap();
    assert!(set(broker, "KAFKA_LISTENERS").ends_with(&format!("EXTERNAL://:{}", external["containerPort"])));

    let [stalls] = &installations("docs/kubernetes.md")[..] else { panic!("not one installation") };
    let name = &only(&objects, "StatefulSet")["metadata"]["name"];
    assert_eq!(
        variable(stalls, "MAPPINGS"),
        Some(format!("shop/{}:external@{base}", name.as_str().unwrap()))
    );

    let [shell, flags, script] = &serde_json::from_value::<[String; 3]>(broker["command"].clone()).unwrap();
    let script = script.replace("exec /etc/kafka/docker/run", "env");
    for ordinal in 0..3 {
        let mut command = Command::new(shell);
        command.args([flags, &script]).env("HOSTNAME", format!("kafka-{ordinal}"));
        for name in ["EXTERNAL_HOST", "EXTERNAL_BASE_PORT"] {
            command.env(name, set(broker, name));
        }
        let said = String::from_utf8(run(&mut command, "").stdout).unwrap();
        let announced = format!(",EXTERNAL://kafka.example.com:{}\n", base + ordinal);
        assert!(said.contains(&announced) && said.contains(&format!("KAFKA_NODE_ID={ordinal}\n")), "{said}");
    }
}

#[test]
fn the_rights_that_are_given_without_helm_are_those_of_the_chart() {
    let [stalls] = &installations("docs/kubernetes.md")[..] else { panic!("not one installation") };
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]});
    assert_eq!(only(stalls, "Role")["rules"], json!([rule]));
    let page = text("docs/kubernetes.md");
    assert!(page.contains("create role stalls --verb=list,watch --resource=pods"));
}
