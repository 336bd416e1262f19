//! HAProxy on this machine: its executable and the template of its configuration.

use std::path::{Path, PathBuf};

use stalls_actors::config::Template;

use super::{
    Machine, Purpose,
    parser::{Reported, SettingsParser},
    table::{HAPROXY_BIN, HAPROXY_TEMPLATE},
};
use crate::mistake::Mistake;

/// Where HAProxy's own image and Debian's package put it.
const USUAL_PATHS: [&str; 2] = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"];

/// HAProxy's executable: the one that is set, else the first that is found.
pub(super) fn executable(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    machine: &impl Machine,
) -> Result<PathBuf, Reported> {
    let needed = purpose == Purpose::Run;
    let given = parser.optional(&HAPROXY_BIN, |given| {
        let path = given.absolute_path()?;
        if needed && !machine.is_executable(&path) {
            return Err(given.wrong("must be an executable file"));
        }
        Ok(path)
    })?;
    match given {
        Some(path) => Ok(path),
        None if needed => {
            let missing = || Mistake::missing(HAPROXY_BIN.name, "install haproxy, or set HAPROXY_BIN");
            parser.report(find(machine).ok_or_else(missing))
        }
        None => Ok(PathBuf::from(USUAL_PATHS[0])),
    }
}

fn find(machine: &impl Machine) -> Option<PathBuf> {
    let search_path = machine.search_path().unwrap_or_default();
    let elsewhere = std::env::split_paths(&search_path).map(|directory| directory.join("haproxy"));
    let mut candidates = USUAL_PATHS.iter().map(PathBuf::from).chain(elsewhere);
    candidates.find(|path| path.is_absolute() && machine.is_executable(path))
}

/// The template of HAProxy's configuration: the user's, tried on sample values, else the built-in one.
pub(super) fn template(
    parser: &mut SettingsParser<'_>,
    machine: &impl Machine,
) -> Result<Template, Reported> {
    let users = parser.optional(&HAPROXY_TEMPLATE, |given| {
        let unreadable = |error| given.wrong(format_args!("must be a readable file: {error}"));
        let text = machine.read(Path::new(given.text)).map_err(unreadable)?;
        Template::parse(&text)
            .map_err(|error| given.wrong(format_args!("must be a template that works: {error}")))
    })?;
    let built_in = || {
        let broken = |error| {
            Mistake::missing(HAPROXY_TEMPLATE.name, format_args!("the built-in one does not work: {error}"))
        };
        Template::built_in().map_err(broken)
    };
    users.map_or_else(|| parser.report(built_in()), Ok)
}
