//! The last stage: HAProxy itself, brought from what is live to the newest plan.
//!
//! # Theory of operation
//!
//! HAProxy binds the whole pool when it starts. Ports without a container are bound, so that no other program gets
//! them, and closed, so that they refuse. What changes from then on is where ports lead, and HAProxy is told so over
//! its runtime API: a few commands for each port that differs, whatever the size of the pool. These follow from the
//! plan alone; no process is started, no file is waited for, and no other port is touched. From 2.9 on a new address
//! takes effect only some time after the reply; so a port is opened, and old connections are cut, only once HAProxy
//! shows the address to be in force. A HAProxy says its version when it is brought up or adopted; what is known to be
//! wrong with it stands in `known_faults.rs`.
//!
//! What a running HAProxy cannot be told is its configuration's *frame*: the ports, and all that is not a route.
//! Another frame needs another process. HAProxy runs as a plain child (`-db`), without its own master. Each process is
//! a *generation* with a folder of its own below `RUN_DIR`: the configuration it was started with, which is the newest
//! plan in its frame, and the socket of its runtime API. A *reload* starts a new generation that takes the listening
//! sockets over from the old one (`-x`), waits until the new one answers for itself, and only then lets the old one
//! drain (SIGUSR1). A new generation that fails is killed and the old one serves on. A reload is also what is left
//! when HAProxy does not do as it is told.
//!
//! A reload leads only to a frame that `haproxy -c` has accepted, which the supervisor asks the writer for. Where no
//! HAProxy runs, a start is itself the check; if it fails, the next one is preceded by one. Ports that cannot be bound are
//! found before a start or a reload, and the writer is asked to leave them out. They come back when a container needs one.
//!
//! The configuration has no word for a closed port that could be taken back while HAProxy runs (`disabled` on a
//! frontend cannot), so the runtime API closes them, as the first thing that a new generation does. A successor
//! that fails may have opened and closed ports of the old one too, since both share the sockets: once it has ended,
//! all ports are queried and set right, and the same after an adoption.
//!
//! Other programs may use the runtime API as well. So what is live is compared every now and then with what it was
//! told, and repaired where it differs. A HAProxy that cannot be talked to any more drains and is replaced; if it does
//! not even let go of its ports, it is killed.
//!
//! What dies or fails is tried again, at first at once and then after growing pauses.
//!
//! The decisions are those of a state machine (`machine.rs`, with a picture of its states and a table of all that it
//! does); the actor (`supervisor.rs`) turns messages, timers and answers into its events. What a generation is can be
//! read from its folder, from `/proc` and from itself, so a stalls process that starts anew adopts the HAProxy that an
//! earlier one left behind.

mod action;
mod adoption;
mod bindable;
mod bring_up;
mod commands;
mod connections;
mod counters;
mod cut;
#[cfg(test)]
pub(crate) mod fake_haproxy;
mod generation_dirs;
mod generations;
mod host;
mod known_faults;
mod machine;
mod on_leave;
mod output;
mod port_state;
mod process;
mod process_info;
mod query;
mod report;
mod runtime_api;
mod supervisor;
mod traffic;
mod update;
mod wanted;

pub use bindable::Unbindable;
pub use counters::HaproxyCounters;
#[cfg(test)]
pub(crate) use fake_haproxy::FakeHaproxy;
pub use generation_dirs::is_started_from;
pub use host::{HaproxyHost, Launch, Leftover, Record, Running};
pub use known_faults::Version;
pub use machine::SupervisorSettings;
pub use on_leave::OnLeave;
pub use process::LocalHaproxy;
pub use process_info::{ProcessInfo, process_info};
pub use report::{CutPort, HaproxyReport, HaproxyState, Pending, ReportHaproxy};
pub use runtime_api::{CliError, Command, RuntimeApi, Unavailable, UnixSocketApi};
pub use supervisor::{CheckConfig, ExcludePorts, HaproxySupervisor, Writer};
pub use traffic::{Traffic, traffic, uptime};
