//! stalls on real swarms: several engines, each in a network namespace of its own as if on a machine of its own.
//!
//! `sh tests/swarm.sh` makes the surroundings and runs these tests; without being asked, cargo leaves them out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]
#![allow(clippy::disallowed_methods, reason = "an engine is waited for by a thread of its own")]

mod failures;
mod harness;
mod reaching;
mod scaling;
mod updates;
