//! The last stage: HAProxy itself, brought from what is live to the newest configuration on disk.
//!
//! # Theory of operation
//!
//! HAProxy runs as a plain child (`-db`), without its own master. Each process is a *generation* with a folder
//! of its own below `RUN_DIR`: the configuration it was started with and the socket of its runtime API.
//! A *handover* starts a new generation that takes the listening sockets over from the old one (`-x`), waits
//! until the new one answers for itself, and only then lets the old one drain (SIGUSR1). A new generation that
//! fails is killed and the old one serves on.
//!
//! What a generation is can be read from the folder and from `/proc`, so a stalls that starts anew adopts
//! the HAProxy that an earlier one left behind.

mod adoption;
mod bring_up;
mod generations;
mod output;
mod ports;
mod process;
mod runtime_api;
mod steps;
mod supervisor;

pub use ports::Unbindable;
pub use process::{HaproxyHost, Launch, LocalHaproxy, Running, Survivor};
pub use runtime_api::{CliError, Command, RuntimeApi, UnixSocketApi};
pub use supervisor::{HaproxySupervisor, SupervisorSettings};

/// The environment variable through which a configuration learns where its runtime API's socket goes.
pub const CLI_SOCKET_VARIABLE: &str = "HAP_CLI";
