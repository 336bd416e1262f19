//! The whole of stalls in a world that is out to break it, in virtual time.
//!
//! # Theory of operation
//!
//! The real actors run, wired as the binary wires them. Everything around them is a fake: the source or its
//! server, the disk, HAProxies and the host's ports. Everything that happens follows from one seed, by virtual time and in one
//! thread, so that a run can be repeated to the last byte of its trace.
//!
//! ```text
//! world ──> source ──> [ stalls ] ──> disk
//!                           └───────> host, cli ──> clients
//! storms strike all of them        watch, settled check all of them
//! ```
//!
//! Most runs have [`metadata`], a server behind Rancher's adapter; the others have [`lists`], a source of another kind,
//! whose lists are proof that what they do not have is gone.
//!
//! The [`world`] is a service whose containers come, go, are replaced, flap, and are given each other's addresses.
//! [`storms`] bring [`faults`] upon everything; in between there are calms. stalls itself crashes (all its actors are
//! dropped at once) or is stopped, and a new instance finds what the old one left.
//!
//! After every event [`watch`] checks what must always be true; and when a calm has
//! lasted for long enough, [`settled`] checks that every port is as the newest document says. What that is,
//! [`wanted`] says in a few words of its own.
//!
//! `SIM_SEED=n cargo test -p stalls-actors simulation` repeats one run, `SIM_SEEDS=1000` or `SIM_SEEDS=500..900` makes
//! others; `make soak` makes many.

mod agenda;
mod cli;
mod disk;
mod faults;
mod flapping;
mod host;
mod instance;
mod lists;
mod metadata;
mod presence;
mod process;
mod readiness;
mod repaired;
mod run;
mod scene;
mod seeds;
mod settled;
mod setup;
mod sockets;
mod stalls;
mod storms;
mod trace;
mod wanted;
mod watch;
mod world;
