//! Keeps every container of a scaled Rancher service reachable on its own port, through HAProxy.
//!
//! All of the program, and the table of its settings, which `tests/` compare with what is deployed.
#![forbid(unsafe_code)]

mod admin;
mod cli;
mod exit;
mod health;
mod locks;
mod logging;
mod mistake;
mod pool_conflicts;
mod pool_limits;
mod printable;
mod private;
mod render;
mod settings;
mod signals;
mod system;

use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Duration,
};

use slog::info;

pub use crate::settings::table::{Fallback, Kind, SETTINGS, Setting};
use crate::{
    cli::{Cli, Command},
    exit::Exit,
    settings::{Purpose, Settings, ThisMachine},
};

/// How long the last records may take to be written; then the end comes without them.
const LAST_RECORDS_WITHIN: Duration = Duration::from_secs(1);

/// Does what the command line says, and returns the exit code.
pub fn main() -> ExitCode {
    exit().into()
}

fn exit() -> Exit {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and the version are answers too, and go to stdout.
            let _ = answer.print();
            return if answer.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let settings = |purpose| Settings::from_cli(&cli, purpose, &ThisMachine);
    let ended = match cli.command {
        None => settings(Purpose::Run).map(run),
        Some(Command::Render) => settings(Purpose::Render).map(render::run),
        Some(Command::Health) => settings::admin_address(&cli).map(health::run),
    };
    ended.unwrap_or_else(|mistakes| {
        let _ = write!(io::stderr(), "{mistakes}");
        Exit::Usage
    })
}

/// Runs until a signal or a fault, and leaves the log complete.
fn run(settings: Settings) -> Exit {
    let (log, pending) = logging::start(settings.log);
    logging::log_panics(&log);
    info!(log, "stalls starts"; "version" => env!("CARGO_PKG_VERSION"), &settings);
    let exit = catch_unwind(AssertUnwindSafe(|| system::run(settings, &log))).unwrap_or(Exit::Internal);
    info!(log, "stalls ends"; "exit_code" => exit.code());
    pending.flush(LAST_RECORDS_WITHIN);
    exit
}
