//! HAProxy on this machine: its executable and the template of its configuration.

use std::path::{Path, PathBuf};

use stalls_actors::config::Template;

use super::{
    Machine, Purpose, names,
    reading::{Noted, Reading},
};
use crate::{cli::Cli, mistake::Mistake};

/// Where HAProxy's own image and Debian's package put it.
const USUAL_PATHS: [&str; 2] = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"];

/// HAProxy's executable: the one that is set, else the first that is found.
pub(super) fn executable(read: &mut Reading, cli: &Cli, purpose: Purpose, machine: &impl Machine) -> PathBuf {
    let needed = purpose == Purpose::Run;
    let given = read.optional(names::HAPROXY_BIN, &cli.haproxy_bin, |given| {
        let path = given.absolute_path()?;
        if needed && !machine.is_executable(&path) {
            return Err(given.wrong("must be an executable file"));
        }
        Ok(path)
    });
    match given {
        Ok(Some(path)) => path,
        Ok(None) if needed => {
            let missing = || Mistake::missing(names::HAPROXY_BIN, "install haproxy, or set HAPROXY_BIN");
            read.note(find(machine).ok_or_else(missing)).unwrap_or_default()
        }
        Ok(None) | Err(Noted) => PathBuf::from(USUAL_PATHS[0]),
    }
}

fn find(machine: &impl Machine) -> Option<PathBuf> {
    let search_path = machine.search_path().unwrap_or_default();
    let elsewhere = std::env::split_paths(&search_path).map(|directory| directory.join("haproxy"));
    let mut candidates = USUAL_PATHS.iter().map(PathBuf::from).chain(elsewhere);
    candidates.find(|path| path.is_absolute() && machine.is_executable(path))
}

/// The template of HAProxy's configuration: the user's, tried on sample values, else the built-in one.
pub(super) fn template(read: &mut Reading, cli: &Cli, machine: &impl Machine) -> Result<Template, Noted> {
    let users = read.optional(names::HAPROXY_TEMPLATE, &cli.haproxy_template, |given| {
        let unreadable = |error| given.wrong(format_args!("must be a readable file: {error}"));
        let text = machine.read(Path::new(given.text)).map_err(unreadable)?;
        Template::parse(&text)
            .map_err(|error| given.wrong(format_args!("must be a template that works: {error}")))
    });
    let built_in = || {
        Template::built_in().map_err(|error| {
            Mistake::missing(names::HAPROXY_TEMPLATE, format_args!("the built-in one does not work: {error}"))
        })
    };
    users.and_then(|users| users.map_or_else(|| read.note(built_in()), Ok))
}
