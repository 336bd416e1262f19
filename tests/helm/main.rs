//! `deploy/helm/stalls` as Helm renders it, and what it refuses.
//!
//! `sh tests/helm.sh` fetches Helm and kubectl and runs these tests; without being asked, cargo leaves them out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]

mod admitted;
mod chart;
mod deployment;
mod documented;
mod monitored;
mod nodes;
mod notes;
mod refused;
mod rights;
mod settings;
