//! What is mapped, and why: one document that the API, the page, the metrics and the commands all show.
//!
//! ```text
//! reports of the actors ──> compose ──> Status ──> difference to the one before ──> History
//! ```
//!
//! `follow.rs` is the thin shell: it waits until the actors note that something may differ, asks them, and publishes the
//! result. It runs on a thread of its own, so that a change of a container never waits for it. All else here is pure.

mod cached;
mod clock;
mod compose;
mod difference;
mod document;
mod follow;
mod hash;
mod history;
mod pool;
mod port;
#[cfg(test)]
mod tests;
mod traffic;

pub(crate) use self::{
    clock::Timestamp,
    difference::Difference,
    document::{EventId, Haproxy, HaproxyRuns, Service, Source, SourceState, Status, Unmapped},
    follow::{Follower, Latest},
    history::{Change, History, Since},
    port::{PortState, PortStatus},
    traffic::TrafficCache,
};
