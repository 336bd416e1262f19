//! stalls on a real Kubernetes: etcd, the API server and the controllers, with the test in the place of nodes.
//!
//! `sh tests/kubernetes.sh` makes the surroundings and runs these tests; without being asked, cargo leaves them out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]
#![allow(clippy::disallowed_methods, reason = "a server is waited for by the clock")]

mod access;
mod api_server;
mod harness;
mod load;
mod mappings;
mod scaling;
