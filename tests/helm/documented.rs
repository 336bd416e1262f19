//! What the documentation tells people to type.

use std::fs;

use crate::chart::{helm, parse, path, pod};

/// The commands `helm install` in a page, each in one line.
fn installations(page: &str) -> Vec<String> {
    let text = fs::read_to_string(path(page)).unwrap().replace("\\\n", " ");
    text.lines().map(str::trim).filter(|line| line.starts_with("helm install ")).map(str::to_owned).collect()
}

#[test]
fn each_installation_renders() {
    let pages = ["deploy/helm/stalls/README.md"];
    let commands = pages.map(installations);
    assert!(commands.iter().all(|commands| !commands.is_empty()));
    for command in commands.iter().flatten() {
        let rest = command.strip_prefix("helm install").unwrap().replace("--create-namespace", "");
        let arguments = ["template"].into_iter().chain(rest.split_whitespace()).collect::<Vec<_>>();
        let manifests = helm(&arguments, "").unwrap_or_else(|said| panic!("{command}: {said}"));
        assert_eq!(pod(&parse(&manifests))["containers"][0]["name"], "stalls");
    }
}
