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
//! Ports that no container has are bound, so that they are ours, and closed, so that they refuse. The
//! configuration has no word for that which could be taken back while HAProxy runs (`disabled` on a frontend
//! cannot), so the runtime API closes them, before the old generation drains. A successor that fails may have
//! opened and closed ports of the old one too, since both share the sockets: once it has ended, all ports are set
//! right, and the same after an adoption. A live HAProxy that cannot be talked to then is replaced.
//!
//! HAProxy does not start when a single port cannot be bound. So those that it does not hold yet are probed
//! first, and the writer is asked to leave out what somebody else holds, until it can be bound.
//!
//! What dies or fails is tried again, at first at once and then after growing pauses. While a newer plan is on
//! its way to the disk, what stands there is passed over, but only every other time.
//!
//! What a generation is can be read from the folder and from `/proc`, so a stalls that starts anew adopts
//! the HAProxy that an earlier one left behind.

mod adoption;
mod bring_up;
mod generations;
mod on_leave;
mod output;
mod ports;
mod process;
mod runtime_api;
mod steps;
mod supervisor;

pub use on_leave::OnLeave;
pub use ports::Unbindable;
pub use process::{HaproxyHost, Launch, LocalHaproxy, Running, Survivor};
pub use runtime_api::{CliError, Command, RuntimeApi, UnixSocketApi};
pub use supervisor::{HaproxySupervisor, SupervisorSettings};

/// The environment variable through which a configuration learns where its runtime API's socket goes.
pub(crate) const CLI_SOCKET_VARIABLE: &str = "HAP_CLI";
