//! The command line, built from the table of settings. It only collects text: `settings` parses the values, so that one
//! start reports every error and not just the first.

mod command;

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgMatches, Command as Parser, FromArgMatches, Subcommand, builder::ValueParser};

pub(crate) use self::command::Command;
use crate::settings::table::{Fallback, Kind, SETTINGS, Setting};

const ABOUT: &str = "Keeps every container of a scaled service reachable on its own port, through HAProxy";

const HOW_TO_SET: &str = "\
Each setting is an environment variable (BASE_PORT) or a flag (--base-port); the flag wins, and an empty value counts \
as unset. Without a command stalls runs until SIGTERM or SIGINT.";

const AFTER_HELP: &str = "\
Exit codes:
    0  stopped by a signal
    1  health: stalls is unhealthy; doctor: there are errors or warnings; replay: a plan
       differs from the recorded one; health, status, release, cut: no stalls instance answers,
       or it refuses
    2  doctor: it could not look
   64  a setting or an argument is wrong: one line for each error on stderr; or another stalls instance uses its
       directories: see the log
   69  render: the metadata service gave no usable answer
   70  a fault inside stalls, logged as critical
   75  the machine lacks something at the moment, such as room, descriptors, a directory that may be
       used, or HAProxy: a later start may succeed
  130  stopped by a second SIGINT during the drain
  143  stopped by a second SIGTERM during the drain

Example: the containers of `game`, which listen on 7777, on the ports 5000 to 5031 of every host:
  SERVICE_NAME=game BACKEND_PORT=7777 BASE_PORT=5000 PORT_COUNT=32 stalls
and those of `chat` in the stack `talk`, on ports from 6000 on, with them:
  MAPPINGS=\"game:7777@5000+32 talk/chat:9000@6000\" stalls";

/// The command, and the unparsed settings.
#[derive(Debug)]
pub(crate) struct Cli {
    /// What to do instead of running.
    pub(crate) command: Option<Command>,
    matches: ArgMatches,
}

impl Cli {
    /// Parses the arguments and the environment of the process.
    ///
    /// # Errors
    /// An unknown flag or command; also `--help` and `--version`, whose text the error carries.
    pub(crate) fn from_process() -> Result<Self, clap::Error> {
        parser().try_get_matches().and_then(Self::new)
    }

    fn new(matches: ArgMatches) -> Result<Self, clap::Error> {
        let command = matches.subcommand().map(|_| Command::from_arg_matches(&matches)).transpose()?;
        Ok(Self { command, matches })
    }

    /// The text of a setting; an empty one counts as none.
    pub(crate) fn value(&self, setting: &Setting) -> Option<&OsStr> {
        self.matches
            .get_one::<OsString>(setting.name)
            .map(OsString::as_os_str)
            .filter(|text| !text.is_empty())
    }
}

/// The definition of the command line.
pub fn parser() -> Parser {
    Command::augment_subcommands(Parser::new("stalls"))
        .subcommand_required(false)
        .arg_required_else_help(false)
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(format!("{ABOUT}.\n\n{HOW_TO_SET}"))
        .after_help(AFTER_HELP)
        .args(SETTINGS.iter().map(|setting| argument(setting)))
}

/// Every flag works before and after the command, and help never shows a value of the environment.
fn argument(setting: &Setting) -> Arg {
    let help = match setting.fallback {
        Fallback::RequiredUnless(other) => format!("{setting} (required unless {other} is set)"),
        Fallback::Value(text) | Fallback::Found(text) => format!("{setting} [default: {text}]"),
    };
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .env(setting.name)
        .value_name(setting.kind.placeholder())
        .value_parser(ValueParser::os_string())
        .help_heading(setting.heading)
        .help(help)
        .global(true)
        .hide_env_values(true);
    match setting.kind {
        Kind::Bool => arg.num_args(0..=1).default_missing_value("true").require_equals(true),
        _ => arg,
    }
}

#[cfg(test)]
impl Cli {
    /// Parses `arguments` alone: the environment of the tests has no influence.
    pub(crate) fn from_arguments<T: Into<OsString> + Clone>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let arguments = std::iter::once("stalls".into()).chain(arguments.into_iter().map(Into::into));
        parser().mut_args(|arg| arg.env(None::<&str>)).try_get_matches_from(arguments).and_then(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::table::{ALLOW_LOOPBACK, SERVICE_NAME};

    #[test]
    fn the_definition_is_valid() {
        parser().debug_assert();
    }

    #[test]
    fn every_setting_is_a_variable_and_the_flag_named_like_it() {
        let parser = parser();
        let arguments = parser.get_arguments().map(|arg| {
            let variable = arg.get_env().and_then(OsStr::to_str).unwrap();
            assert_eq!(arg.get_long().unwrap(), variable.to_ascii_lowercase().replace('_', "-"));
            variable
        });
        assert!(arguments.eq(SETTINGS.iter().map(|setting| setting.name)));
    }

    #[test]
    fn each_command_is_documented() {
        let documented = include_str!("../docs/commands.md");
        for command in parser().get_subcommands() {
            let row = format!("| [`stalls {}", command.get_name());
            assert!(documented.contains(&row), "docs/commands.md has no row {row}");
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
            assert_eq!(cli.value(&SERVICE_NAME).unwrap(), "web");
        }
    }

    #[test]
    fn a_replay_has_a_directory_and_may_have_a_port() {
        let replay =
            |arguments: &[&str]| Cli::from_arguments(arguments.iter().copied()).map(|cli| cli.command);
        let dir = std::path::PathBuf::from("/r");
        let all = replay(&["replay", "/r", "--explain", "5003", "--json"]).unwrap();
        assert_eq!(all, Some(Command::Replay { dir: dir.clone(), explain: Some(5003), json: true }));
        let dir_alone = replay(&["replay", "/r"]).unwrap();
        assert_eq!(dir_alone, Some(Command::Replay { dir, explain: None, json: false }));
        assert!(replay(&["replay"]).is_err());
        assert!(replay(&["replay", "/r", "--explain", "70000"]).is_err());
    }

    #[test]
    fn an_empty_value_is_no_value() {
        assert_eq!(Cli::from_arguments(["--service-name="]).unwrap().value(&SERVICE_NAME), None);
    }

    #[test]
    fn a_bare_allow_loopback_means_true() {
        let cli = Cli::from_arguments(["--allow-loopback", "render"]).unwrap();
        assert_eq!(cli.value(&ALLOW_LOOPBACK).unwrap(), "true");
        assert_eq!(cli.command, Some(Command::Render));
    }
}
