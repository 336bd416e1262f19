//! The last stage: HAProxy itself, brought from what is live to the newest configuration on disk.
//!
//! # Theory of operation
//!
//! HAProxy binds the whole pool when it starts. Ports that no container has are bound, so that they are ours, and
//! closed, so that they refuse. What changes from then on is who is on which port, and that HAProxy is told over its
//! runtime API: a few commands for each port that differs, whatever the size of the pool. No process is started,
//! and no other port is touched. From 2.9 on a new address takes effect only some time after the reply; so a port is
//! opened, and old connections are cut, only once HAProxy shows the address to be in force.
//!
//! What a running HAProxy cannot be told is its configuration's *frame*: the ports, and all that is not about who is
//! on them. Another frame needs another process. HAProxy runs as a plain child (`-db`), without its own master.
//! Each process is a *generation* with a folder of its own below `RUN_DIR`: the configuration it was started with and
//! the socket of its runtime API. A *handover* starts a new generation that takes the listening sockets over from
//! the old one (`-x`), waits until the new one answers for itself, and only then lets the old one drain (SIGUSR1).
//! A new generation that fails is killed and the old one serves on. A handover is also what is left when HAProxy does
//! not do as it is told.
//!
//! The configuration has no word for a closed port that could be taken back while HAProxy runs (`disabled` on a
//! frontend cannot), so the runtime API closes them, as the first thing that a new generation does. A successor
//! that fails may have opened and closed ports of the old one too, since both share the sockets: once it has ended,
//! all ports are looked at and set right, and the same after an adoption.
//!
//! Others may use the runtime API as well. So what is live is looked at every now and then, and where it is not as it
//! was left, it is set right. A HAProxy that cannot be talked to any more drains and is replaced; if it does not
//! even let go of its ports, it is killed.
//!
//! HAProxy does not start when a single port cannot be bound. So those that it does not hold yet are probed
//! first, and the writer is asked to leave out what somebody else holds, until it can be bound.
//!
//! What dies or fails is tried again, at first at once and then after growing pauses. While a newer plan is on
//! its way to the disk, what stands there is passed over, but only every other time.
//!
//! ```text
//! Adopting ──> Repairing ──> Idle <──> Applying ──(refused)──> Repairing ──> BackingOff ──> Idle
//!                             │ ^
//!                             v │
//!                          BringingUp ──(dies)────────────────> Repairing ──> BackingOff ──> Idle
//!                               └──(never answers)─> Failing ──> Repairing ──> ...
//!
//! the live one dies ──> BackingOff        the live one does not answer ──> Releasing ──> Idle
//! the live one cannot be asked, for want of something here ──> BackingOff ──> Repairing ──> Idle
//! Shutdown ──> Stopping
//! ```
//!
//! What a generation is can be read from its folder, from `/proc` and from itself, so a stalls that starts anew
//! adopts the HAProxy that an earlier one left behind.

mod adoption;
mod apply;
mod bring_up;
mod changes;
mod connections;
mod generations;
mod look;
#[cfg(test)]
mod model;
mod on_leave;
mod output;
mod ports;
mod process;
mod runtime_api;
mod slots;
mod steps;
mod supervisor;

#[cfg(test)]
pub(crate) use model::Model;
pub use on_leave::OnLeave;
pub use ports::Unbindable;
pub use process::{HaproxyHost, Launch, LocalHaproxy, Record, Running, Survivor};
pub use runtime_api::{CliError, Command, NoAnswer, RuntimeApi, UnixSocketApi};
pub use supervisor::{HaproxySupervisor, SupervisorSettings};

/// The environment variable through which a configuration learns where its runtime API's socket goes.
pub(crate) const CLI_SOCKET_VARIABLE: &str = "HAP_CLI";
