//! `deploy/monitoring` as Prometheus and Grafana read it, and what stalls exports for it.
//!
//! `sh tests/monitoring.sh` fetches Debian's Prometheus and runs these tests; without being asked, cargo leaves them out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]

mod alerts;
mod dashboard;
mod exported;
mod files;
mod host;
mod http;
mod names;
mod prometheus;
mod promtool;
mod rules;
