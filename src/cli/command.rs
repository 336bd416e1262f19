//! What stalls can do besides running. Each variant is a command, its documentation is the command's help, and its fields
//! are the command's own arguments.

use std::path::PathBuf;

use clap::Subcommand;

use crate::{ports, view};

/// A command besides running.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Print HAProxy's configuration for the current metadata, and exit.
    Render,
    /// Ask the stalls instance whose RUN_DIR it is whether it is healthy, and exit with 0 or 1.
    Health,
    /// Show what the stalls instance whose RUN_DIR it is does with each port.
    Status(view::Options),
    /// End what holds a port for a while: its container is missing or flaps, or the port is reserved.
    Release {
        /// The port: 1 to 65535.
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Cut the open connections of a port.
    Cut {
        /// The port: 1 to 65535.
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Look for what keeps stalls from its work on this host, or may come to, and print what would do.
    Doctor {
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Decide once more from what was recorded, and print what changed and why.
    Replay {
        /// The RECORD_DIR, or a copy of it.
        dir: PathBuf,
        /// Print all that concerns this port, and nothing else.
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
        explain: Option<u16>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Print the ports of the pools, to be published, accepted by a firewall or reserved.
    Ports {
        /// What is to read them.
        #[arg(long, value_enum, default_value_t = ports::Format::Compose)]
        format: ports::Format,
    },
}
