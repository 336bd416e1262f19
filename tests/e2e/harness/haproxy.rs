//! HAProxy as the tests replace it, and its configuration as they read it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

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
    let usual = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"].map(PathBuf::from);
    let given = env::var_os("HAPROXY_BIN").map(PathBuf::from);
    given.or_else(|| usual.into_iter().find(|path| path.is_file())).unwrap_or_else(|| "haproxy".into())
}

/// The built-in template with a line that only used ports have.
pub(super) fn reloading_template() -> String {
    let server = "server c {{#if server}}{{server}}{{else}}127.0.0.1:1 disabled{{/if}}";
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("actors/src/config/haproxy.cfg.hbs");
    let built_in = fs::read_to_string(built_in).expect("the built-in template can be read");
    assert!(built_in.contains(server), "the built-in template has another line for the server");
    built_in.replace(server, &format!("{server}\n{{{{#if server}}}}    # used\n{{{{/if}}}}"))
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
