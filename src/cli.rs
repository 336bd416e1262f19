//! The command line. It only collects text: what a value means and whether it will do is decided in
//! `settings`, so that one start tells every mistake and not just the first.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::settings::names;

const WHAT_TO_MAP: &str = "What to map";
const METADATA: &str = "Metadata";
const HAPROXY: &str = "HAProxy";
const TIMES: &str = "Times (milliseconds)";
const OPERATION: &str = "Operation";

const AFTER_HELP: &str = "\
Exit codes:
    0  asked to end, and ended
    1  health: stalls is not well, or does not answer
   64  a setting is wrong: one line for each mistake on stderr; or another stalls uses its
       directories, as the log says
   69  render: the metadata service gave no usable answer
   70  a fault inside stalls, logged as critical
  130  a second SIGINT ended it before its connections had drained
  143  a second SIGTERM did

Example: the containers of `game`, which listen on 7777, on the ports 5000 to 5031 of every host:
  SERVICE_NAME=game BACKEND_PORT=7777 BASE_PORT=5000 PORT_COUNT=32 stalls";

/// Keeps every container of a scaled Rancher service reachable on its own port, through HAProxy.
///
/// Each setting is an environment variable or a flag; the flag wins, and an empty value counts as
/// unset. Without a command stalls runs until SIGTERM or SIGINT.
#[derive(Debug, Parser)]
#[command(name = "stalls", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What to do instead of running.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The service whose containers get a port each (required)
    #[arg(long, env = names::SERVICE_NAME, value_name = "NAME", help_heading = WHAT_TO_MAP)]
    pub(crate) service_name: Option<OsString>,

    /// The port that each container listens on, 1 to 65535 (required)
    #[arg(long, env = names::BACKEND_PORT, value_name = "PORT", help_heading = WHAT_TO_MAP)]
    pub(crate) backend_port: Option<OsString>,

    /// The port of the first container, 1 to 65535; the others follow it (required)
    #[arg(long, env = names::BASE_PORT, value_name = "PORT", help_heading = WHAT_TO_MAP)]
    pub(crate) base_port: Option<OsString>,

    /// How many ports the pool has, 1 to 65535, none of them above port 65535; it then never grows
    /// [default: the run of ports from BASE_PORT that stalls' own service publishes, else 64; more
    /// when the containers need more]
    #[arg(long, env = names::PORT_COUNT, value_name = "COUNT", help_heading = WHAT_TO_MAP)]
    pub(crate) port_count: Option<OsString>,

    /// The IP address that the pool listens on; `::` for both families [default: every IPv4 address]
    #[arg(long, env = names::BIND_ADDRESS, value_name = "IP", help_heading = WHAT_TO_MAP)]
    pub(crate) bind_address: Option<OsString>,

    /// The service's stack; needed with host networking, where the metadata service does not know who
    /// asks [default: the stack that stalls runs in]
    #[arg(long, env = names::STACK_NAME, value_name = "NAME", help_heading = METADATA)]
    pub(crate) stack_name: Option<OsString>,

    /// The metadata service, with its version [default: http://rancher-metadata/2015-12-19]
    #[arg(long, env = names::METADATA_URL, value_name = "URL", help_heading = METADATA)]
    pub(crate) metadata_url: Option<OsString>,

    /// Map containers on loopback addresses too, true or false; for tests and the demo
    /// [default: false]
    #[arg(
        long,
        env = names::ALLOW_LOOPBACK,
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true,
        help_heading = METADATA
    )]
    pub(crate) allow_loopback: Option<OsString>,

    /// HAProxy's executable, an absolute path [default: the first of /usr/local/sbin/haproxy,
    /// /usr/sbin/haproxy and PATH]
    #[arg(long, env = names::HAPROXY_BIN, value_name = "FILE", help_heading = HAPROXY)]
    pub(crate) haproxy_bin: Option<OsString>,

    /// A handlebars template for HAProxy's configuration [default: the built-in one]
    #[arg(long, env = names::HAPROXY_TEMPLATE, value_name = "FILE", help_heading = HAPROXY)]
    pub(crate) haproxy_template: Option<OsString>,

    /// What becomes of the open connections to a container that leaves its port: `cut` or `drain`
    /// [default: those to a container that is gone are cut, those to one that is replaced while it
    /// still runs drain]
    #[arg(long, env = names::ON_LEAVE, value_name = "WHAT", help_heading = HAPROXY)]
    pub(crate) on_leave: Option<OsString>,

    /// The length of a long poll, and the longest pause between retries: 1 to 120000
    /// [default: 5000]
    #[arg(long, env = names::POLL_SLEEP_TIME_MS, value_name = "MS", help_heading = TIMES)]
    pub(crate) poll_sleep_time_ms: Option<OsString>,

    /// How often the live HAProxy is compared with the plan, and mended if it differs:
    /// 1000 to 3600000 [default: 30000]
    #[arg(long, env = names::RECONCILE_MS, value_name = "MS", help_heading = TIMES)]
    pub(crate) reconcile_ms: Option<OsString>,

    /// How long open connections may go on after SIGTERM: 0 to 86400000. Docker and Rancher kill a
    /// container 10000 ms after the signal [default: 8000]
    #[arg(long, env = names::DRAIN_MS, value_name = "MS", help_heading = TIMES)]
    pub(crate) drain_ms: Option<OsString>,

    /// How long a freed port is kept from other containers that have no index of their own:
    /// 0 to 86400000 [default: 60000]
    #[arg(long, env = names::TOMBSTONE_MS, value_name = "MS", help_heading = TIMES)]
    pub(crate) tombstone_ms: Option<OsString>,

    /// How long an answer that would free every port, or more than half of at least four, is held
    /// before it is believed: 0 to 3600000; 0 believes it at once [default: 15000]
    #[arg(long, env = names::GUARD_MS, value_name = "MS", help_heading = TIMES)]
    pub(crate) guard_ms: Option<OsString>,

    /// What must survive a restart: an absolute path, made if it is missing
    /// [default: /var/lib/stalls]
    #[arg(long, env = names::STATE_DIR, value_name = "DIR", help_heading = OPERATION)]
    pub(crate) state_dir: Option<OsString>,

    /// Sockets and HAProxy's configuration: an absolute path of at most 70 bytes, made if it is
    /// missing; one for each stalls [default: /run/stalls]
    #[arg(long, env = names::RUN_DIR, value_name = "DIR", help_heading = OPERATION)]
    pub(crate) run_dir: Option<OsString>,

    /// The IP address and port that answer /healthz and /readyz over HTTP, outside of the pool; or
    /// `off` [default: 0.0.0.0:8405]
    #[arg(long, env = names::ADMIN_LISTEN, value_name = "IP:PORT", help_heading = OPERATION)]
    pub(crate) admin_listen: Option<OsString>,

    /// How the log is written to stdout: `json`, one object a line, or `term` for people
    /// [default: term on a terminal, else json]
    #[arg(long, env = names::LOG_FORMAT, value_name = "FORMAT", help_heading = OPERATION)]
    pub(crate) log_format: Option<OsString>,

    /// The least severe level that is logged: critical, error, warning, info, debug or trace
    /// [default: info]
    #[arg(long, env = names::LOG_LEVEL, value_name = "LEVEL", help_heading = OPERATION)]
    pub(crate) log_level: Option<OsString>,
}

/// What stalls can do besides running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Print HAProxy's configuration for the metadata of the moment, and exit
    Render,
    /// Ask the stalls that runs here, at ADMIN_LISTEN, whether it is well, and exit with 0 or 1
    Health,
}

impl Cli {
    /// Reads the process's arguments and environment.
    ///
    /// # Errors
    /// An unknown flag or command; also `--help` and `--version`, whose text the error carries.
    pub(crate) fn from_process() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&parser().try_get_matches()?)
    }
}

/// Every flag works before and after the command, and help never shows a value of the environment.
fn parser() -> clap::Command {
    Cli::command().mut_args(|arg| arg.global(true).hide_env_values(true))
}

#[cfg(test)]
impl Cli {
    /// Reads `arguments` alone: what the environment of the tests says has no influence.
    pub(crate) fn from_arguments<T: Into<OsString> + Clone>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let command = parser().mut_args(|arg| arg.env(None::<&str>));
        let arguments = arguments.into_iter().map(Into::into);
        Self::from_arg_matches(
            &command.try_get_matches_from(std::iter::once("stalls".into()).chain(arguments))?,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        parser().debug_assert();
    }

    #[test]
    fn every_setting_is_a_variable_and_the_flag_named_like_it() {
        let mut settings = 0;
        for arg in Cli::command().get_arguments() {
            let variable = arg.get_env().and_then(|name| name.to_str()).unwrap();
            assert_eq!(arg.get_long().unwrap(), variable.to_ascii_lowercase().replace('_', "-"));
            settings += 1;
        }
        assert_eq!(settings, 21);
    }

    #[test]
    fn the_readme_has_a_row_for_every_setting() {
        let readme = include_str!("../README.md");
        for arg in Cli::command().get_arguments() {
            let row = format!("\n| `{}` | ", arg.get_env().and_then(|name| name.to_str()).unwrap());
            assert!(readme.contains(&row), "{row}");
        }
    }

    #[test]
    fn without_a_command_it_runs() {
        assert_eq!(Cli::from_arguments::<&str>([]).unwrap().command, None);
    }

    #[test]
    fn flags_stand_before_or_after_the_command() {
        let before = Cli::from_arguments(["--service-name", "web", "render"]).unwrap();
        let after = Cli::from_arguments(["render", "--service-name=web"]).unwrap();
        for cli in [before, after] {
            assert_eq!(cli.command, Some(Command::Render));
            assert_eq!(cli.service_name.unwrap(), "web");
        }
    }

    #[test]
    fn a_bare_allow_loopback_means_true() {
        let cli = Cli::from_arguments(["--allow-loopback", "render"]).unwrap();
        assert_eq!(cli.allow_loopback.unwrap(), "true");
        assert_eq!(cli.command, Some(Command::Render));
    }
}
