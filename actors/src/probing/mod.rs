//! Connections to containers: whether a new one is ready, and whether one that is gone without a word is still there.

mod connect;
mod presence;
mod prober;
mod readiness;
mod running;

pub use connect::{Connect, Connection, End, TcpConnect};
pub(crate) use presence::Verdict;
pub(crate) use prober::{Prober, Target};
