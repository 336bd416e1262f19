//! stalls and a real container engine: what people do with Compose and `docker`, and what each port then leads to.
//!
//! `sh tests/docker.sh` runs these tests; without being asked, cargo leaves them out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "an engine tells the wall clock, and is waited for by a thread of its own"
)]

mod engine;
mod harness;
mod health;
mod latency;
mod life;
mod proxy;
mod restart;
mod scale;
mod tls;
