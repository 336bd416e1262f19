//! stalls as a user meets it: the real program, the real HAProxy, and around them the lab.
//!
//! Every test has a [`harness::Stage`] of its own, on loopback addresses that no other test uses, so
//! all of them can run at once. `HAPROXY_BIN` chooses the HAProxy that they run against; `make check` runs
//! them against three versions, one after the other.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]

mod admin;
mod api;
mod changes;
mod crashes;
mod descriptors;
mod disk_full;
mod doctor;
mod documents;
mod field;
mod file_source;
mod flapping;
mod foreign;
mod growth;
mod hangs;
mod harness;
mod health_check;
mod hostile;
mod init;
mod kubernetes;
mod leaving;
mod lingering;
mod metadata;
mod metadata_faults;
mod metrics;
mod permissions;
mod ports;
mod reconcile;
mod recording;
mod reloads;
mod restart;
mod routing;
mod run_dir;
mod scaling;
mod send_proxy;
mod settings;
mod several_services;
mod shutdown;
mod state_file;
mod status;
mod taken_ports;
mod takeover;
mod template;
mod wall_clock;
