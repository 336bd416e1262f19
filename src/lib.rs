//! Keeps every container of a scaled service reachable on its own port, through HAProxy.
//!
//! This is the whole program. Only its entry point, the table of settings and the command line are public: integration
//! tests compare the table with `deploy/`, and a release has manual pages and completions of the command line.
#![forbid(unsafe_code)]

mod admin;
mod cli;
mod config_error;
mod current_plan;
mod directories;
mod doctor;
mod exit;
mod health;
mod locks;
mod logging;
mod port_ranges;
mod ports;
mod printable;
mod render;
mod replay;
mod settings;
mod signals;
mod socket_client;
mod source;
mod status;
mod steer;
mod system;
mod threads;
mod view;

use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use slog::info;

pub use crate::cli::parser as command_line;
pub use crate::settings::table::{Fallback, Kind, SETTINGS, Setting};
use crate::{
    cli::{Cli, Command},
    exit::Exit,
    settings::{Purpose, Settings, ThisHost},
    steer::Order,
    threads::NoThreads,
};

/// How long the process waits for the last log records to be written before it ends without them.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Does what the command line says, and returns the exit code.
pub fn main() -> ExitCode {
    exit().into()
}

fn exit() -> Exit {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version come as errors, too.
            let _ = error.print();
            return if error.use_stderr() { Exit::Config } else { Exit::Ok };
        }
    };
    if let Err(error) = threads::check() {
        let _ = writeln!(io::stderr(), "stalls: {error}");
        return match error {
            NoThreads::Forbidden(_) => Exit::NoThreads,
            NoThreads::Exhausted(_) => Exit::Temporary,
        };
    }
    let run_dir = || settings::run_dir(&cli);
    let settings = |purpose| Settings::from_cli(&cli, purpose, &ThisHost);
    let ended = match &cli.command {
        None => settings(Purpose::Run).map(run),
        Some(Command::Render) => settings(Purpose::Look).map(render::run),
        Some(Command::Health) => run_dir().map(|run_dir| health::run(&run_dir)),
        Some(Command::Status(options)) => run_dir().map(|run_dir| view::run(&run_dir, *options)),
        Some(Command::Release { port }) => {
            run_dir().map(|run_dir| steer::run(&run_dir, Order::Release, *port))
        }
        Some(Command::Cut { port }) => run_dir().map(|run_dir| steer::run(&run_dir, Order::Cut, *port)),
        Some(Command::Doctor { json }) => {
            settings(Purpose::Look).map(|settings| doctor::run(&settings, *json))
        }
        Some(Command::Ports { format }) => {
            settings(Purpose::Look).map(|settings| ports::run(&settings, *format))
        }
        Some(Command::Replay { dir, explain, json }) => Ok(replay::run(dir, *explain, *json)),
    };
    ended.unwrap_or_else(|errors| {
        let _ = write!(io::stderr(), "{errors}");
        errors.exit()
    })
}

/// A thousand containers that linger are a thousand connections, and a usual soft limit is 1024. What is denied is no
/// reason not to start.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Runs until a signal or a fault, then flushes the log.
fn run(settings: Settings) -> Exit {
    raise_descriptor_limit();
    let (log, pending) = logging::start(settings.log);
    logging::log_panics(&log);
    info!(log, "stalls starts"; "version" => env!("CARGO_PKG_VERSION"), &settings);
    let exit = catch_unwind(AssertUnwindSafe(|| system::run(settings, &log))).unwrap_or(Exit::Internal);
    info!(log, "stalls ends"; "exit_code" => exit.code());
    pending.flush(FLUSH_TIMEOUT);
    exit
}
