//! A template that makes each change a handover.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

/// The one that stalls has built in.
const BUILT_IN: &str = include_str!("../../../../../actors/src/config/haproxy.cfg.hbs");

/// The end of what it says about each port.
const END_OF_LISTENER: &str = "{{/each}}\n";

/// Used and free ports differ in a line of their own: the runtime API can make none of one the other.
const DIFFERENCE: &str = "{{#if server}}\n    # used\n{{/if}}\n";

/// Writes the template into this directory; returns its path.
pub(crate) fn write_handover_template(directory: &Path) -> anyhow::Result<PathBuf> {
    let (listeners, rest) =
        BUILT_IN.split_once(END_OF_LISTENER).context("the built-in template has no end")?;
    ensure!(rest.is_empty(), "the built-in template goes on after its listeners");
    let path = directory.join("handover.cfg.hbs");
    fs::write(&path, format!("{listeners}{DIFFERENCE}{END_OF_LISTENER}")).context("the template")?;
    Ok(path)
}
