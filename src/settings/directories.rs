//! The two directories that stalls writes to.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{Machine, Purpose, given::Given, names, reading::Reading};
use crate::{cli::Cli, mistake::Mistake};

const DEFAULT_STATE_DIR: &str = "/var/lib/stalls";
const DEFAULT_RUN_DIR: &str = "/run/stalls";

/// A Unix socket's path fits 108 bytes with its end (`sun_path`); 37 are for the sockets' own names.
const MAX_RUN_DIR_BYTES: usize = 70;

/// In the path of a `stats socket`, HAProxy takes a comma for the next address, and expands a `$`
/// (seen on 2.6: `missing port specification`, and a socket somewhere else).
const NOT_IN_RUN_DIR: [char; 2] = [',', '$'];

/// What must survive a restart.
pub(super) fn state(read: &mut Reading, cli: &Cli, purpose: Purpose, machine: &impl Machine) -> PathBuf {
    let raw = or_default(&cli.state_dir, DEFAULT_STATE_DIR);
    read.optional(names::STATE_DIR, &raw, |given| usable(given, purpose, machine))
        .unwrap_or_default()
        .unwrap_or_default()
}

/// What belongs to the processes that run.
pub(super) fn run(read: &mut Reading, cli: &Cli, purpose: Purpose, machine: &impl Machine) -> PathBuf {
    let raw = or_default(&cli.run_dir, DEFAULT_RUN_DIR);
    let parse = |given: &Given<'_>| {
        if given.text.len() > MAX_RUN_DIR_BYTES {
            return Err(given.wrong(format_args!(
                "must be at most {MAX_RUN_DIR_BYTES} bytes long, since the path of a socket in it ends at 107"
            )));
        }
        if given.text.contains(NOT_IN_RUN_DIR) {
            return Err(
                given.wrong("must not contain a comma or a dollar sign: HAProxy reads them its own way")
            );
        }
        usable(given, purpose, machine)
    };
    read.optional(names::RUN_DIR, &raw, parse).unwrap_or_default().unwrap_or_default()
}

/// What is wrong with the two together: each has a lock of its own.
pub(super) fn mistake(state_dir: &Path, run_dir: &Path) -> Option<Mistake> {
    let same = !run_dir.as_os_str().is_empty() && state_dir == run_dir;
    same.then(|| {
        let remedy = format_args!("must be another directory than {}", names::STATE_DIR).to_string();
        Mistake::wrong(names::RUN_DIR, &run_dir.display().to_string(), remedy)
    })
}

/// A default is checked like any value: it may be just what cannot be written.
fn or_default(raw: &Option<OsString>, default: &str) -> Option<OsString> {
    raw.clone().filter(|raw| !raw.is_empty()).or_else(|| Some(default.into()))
}

fn usable(given: &Given<'_>, purpose: Purpose, machine: &impl Machine) -> Result<PathBuf, Mistake> {
    let path = given.absolute_path()?;
    if purpose == Purpose::Run {
        machine
            .make_writable(&path)
            .map_err(|error| given.wrong(format_args!("must be a directory that can be written: {error}")))?;
    }
    Ok(path)
}
