//! The image as a user runs it: on a real engine, and around it containers that play the metadata service and the
//! scaled service.
//!
//! `sh tests/image.sh` builds the images and runs these tests; without being asked, cargo leaves them out. Each has a
//! network of Rancher's addresses, of which an engine can have one at a time, so they take turns.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]

mod harness;
mod health;
mod image;
mod low_ports;
mod mapping;
mod network;
mod old_engine;
mod quota;
mod reloads;
mod restart;
mod stopping;
mod volume;
