//! stalls and a real container engine: what people do with Compose and `docker`, and what each port then leads to.
//!
//! `sh tests/docker.sh` runs these tests; without being asked, cargo leaves them out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]

mod engine;
mod harness;
mod health;
mod latency;
mod life;
mod proxy;
mod restart;
mod scale;
