//! What stalls can do besides running. Each variant is a command, its documentation is the command's help, and its fields
//! are the command's own arguments.

use clap::Subcommand;

use crate::ports;

/// A command besides running.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Print HAProxy's configuration for the current metadata, and exit.
    Render,
    /// Ask the stalls instance whose RUN_DIR it is whether it is healthy, and exit with 0 or 1.
    Health,
    /// Look for what keeps stalls from its work on this host, or may come to, and print what would do.
    Doctor {
        /// Print the findings as JSON.
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
