//! HAProxy as the tests replace it, and its configuration as they read it.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use stalls_lab::haproxy;
use tempfile::TempDir;

/// A script in the place of HAProxy; `$HAPROXY` is the real one.
pub(crate) struct Script {
    folder: TempDir,
}

impl Script {
    /// Writes the script.
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let script = Self { folder };
        let text = format!("#!/bin/sh\nHAPROXY={}\n{text}\n", real_haproxy().display());
        fs::write(script.beside("text"), text).expect("a script can be written");
        // Another process puts it in its place: as long as one that is just being started by another test holds
        // the file open for writing, it cannot be executed (ETXTBSY).
        let install =
            Command::new("install").arg("--mode=755").args([script.beside("text"), script.path()]).status();
        assert!(install.expect("install(1) is there").success());
        script
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("haproxy")
    }

    /// A file beside the script, `$(dirname "$0")/name` to it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The HAProxy that the tests run against.
pub(crate) fn real_haproxy() -> PathBuf {
    haproxy::under_test().unwrap_or_else(|| "haproxy".into())
}

/// What a configuration of HAProxy says of each port: where it leads, or nothing for one that refuses.
pub(crate) fn routes(configuration: &str) -> BTreeMap<u16, Option<String>> {
    let mut routes = BTreeMap::new();
    let mut port = None;
    for line in configuration.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix("listen p") {
            port = Some(section.parse().expect("a port"));
        } else if let Some(server) = line.strip_prefix("server c ") {
            let backend = Some(server.to_owned()).filter(|server| !server.ends_with("disabled"));
            routes.insert(port.expect("a server belongs to a section"), backend);
        }
    }
    routes
}
