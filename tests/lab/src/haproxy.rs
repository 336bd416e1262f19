//! The HAProxy that everything runs against, and a template for its configuration.

use std::{env, path::PathBuf};

/// Where HAProxy usually is.
const USUAL: [&str; 2] = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"];

/// The template that stalls has built in.
const BUILT_IN: &str = include_str!("../../../actors/src/config/haproxy.cfg.hbs");

/// The end of what it says about each port.
const END_OF_LISTENER: &str = "{{/each}}\n";

/// Used and free ports differ in a line of their own, which the runtime API cannot change.
const DIFFERENCE: &str = "{{#if server}}\n    # used\n{{/if}}\n";

/// The one that `HAPROXY_BIN` names, unless that is empty; else the first that is where HAProxy usually is.
pub fn under_test() -> Option<PathBuf> {
    let given = env::var_os("HAPROXY_BIN").filter(|given| !given.is_empty()).map(PathBuf::from);
    let usual = USUAL.iter().map(PathBuf::from).filter(|path| path.is_file());
    given.into_iter().chain(usual).next()
}

/// The built-in template with a line that only used ports have: it makes each change a reload.
///
/// # Panics
///
/// When the built-in template has another end.
pub fn reload_template() -> String {
    let listeners =
        BUILT_IN.strip_suffix(END_OF_LISTENER).expect("the built-in template ends with its listeners");
    format!("{listeners}{DIFFERENCE}{END_OF_LISTENER}")
}
