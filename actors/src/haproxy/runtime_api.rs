//! HAProxy's runtime API: the command line on its stats socket (management.txt, section 9.3).

mod client;
mod command;
mod reply;

pub use client::{CliError, RuntimeApi, Unavailable, UnixSocketApi};
pub use command::Command;
pub(super) use reply::{
    Frontend, ReplyError, Server, connecting, frontends, info_of_process, pid, port_of, servers, traffic,
    version,
};
