//! The seam between the poller and the adapter of a source.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use thiserror::Error;

use super::udp::PublishedUdp;
use crate::domain::{Container, PublishedPorts, ServiceRef, Snapshot};

/// A source of containers. An adapter translates into neutral words; faults, pauses, staleness and whether an answer
/// is news are the poller's business.
pub trait Source: 'static {
    /// Every kind of [`Fault`] that it may give: the labels of a metric.
    fn fault_kinds(&self) -> &'static [&'static str];

    /// Waits until something may have changed since the last answer, for about `wait` at most (zero: not at all), and
    /// gives the whole state.
    ///
    /// It need not be right about what may have changed: an answer that says the same as before costs nothing. A service
    /// that has failed is asked for again once `wait` has passed; an answer that comes earlier may leave it out.
    ///
    /// # Errors
    /// What keeps it from saying anything.
    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>>;
}

/// What a source says at one moment.
#[derive(Debug, Default)]
pub struct State {
    /// What it says of each service that is followed. One that is not in it was not asked for: nothing is known of it
    /// beyond what was said before.
    pub services: BTreeMap<ServiceRef, Answer>,
    /// What stalls' own container publishes.
    pub own: OwnPorts,
}

/// What a source says of one service.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Its containers.
    Listed(Listing),
    /// The source does not know the service, while it answers otherwise. For a moment that may be wrong.
    Missing(Fault),
    /// Of this service alone nothing can be said.
    Failed(Fault),
}

/// The containers of a service.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// By (`created`, `uuid`), each uuid once. One that is as it was is best shared with the answer before.
    pub containers: Vec<Arc<Container>>,
    /// Whether a container that is not among them is gone for sure (rule 6).
    pub absence_is_proof: bool,
    /// What it and its containers publish over UDP.
    pub udp: BTreeSet<PublishedUdp>,
    /// The other services that have containers in it, with indexes that do not count here.
    pub other_services: BTreeSet<String>,
    /// How long ago the source was last known to say this; zero unless it may have missed what has changed since.
    pub age: Duration,
    /// Why it has no containers, if that is known, and what would do.
    pub why_empty: Option<Arc<str>>,
}

/// What stalls' own container publishes; nothing if that is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnPorts {
    /// Over TCP, the container's side.
    pub tcp: PublishedPorts,
    /// Over UDP.
    pub udp: BTreeSet<PublishedUdp>,
}

/// Why a source says nothing, or nothing of one service. It is a fault of the moment: nothing is unmapped for it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{subject}: {reason}")]
pub struct Fault {
    /// The bounded label for logs and metrics.
    pub kind: &'static str,
    /// What was asked: a path, a file, a service.
    pub subject: String,
    /// What is wrong, and what would do if that is not plain.
    pub reason: String,
}

impl Listing {
    /// What the allocator is told.
    pub(super) fn snapshot(self, published: PublishedPorts) -> Snapshot {
        let Self { containers, absence_is_proof, why_empty, .. } = self;
        Snapshot { containers, published, absence_is_proof, why_empty }
    }
}

/// What a source says when it is asked once.
#[derive(Debug, Default)]
pub struct Answers {
    /// The services that it tells of.
    pub snapshots: BTreeMap<ServiceRef, Arc<Snapshot>>,
    /// Why it does not tell of the others. That it does not know a service is a fault, too.
    pub faults: BTreeMap<ServiceRef, Fault>,
}

/// Asks once for the snapshots of all services.
///
/// # Errors
/// What keeps the source from saying anything.
pub async fn ask_once(source: &mut dyn Source) -> Result<Answers, Fault> {
    let State { services, own } = source.next(Duration::ZERO).await?;
    let mut answers = Answers::default();
    for (service, answer) in services {
        match answer {
            Answer::Listed(listing) => {
                answers.snapshots.insert(service, Arc::new(listing.snapshot(own.tcp.clone())));
            }
            Answer::Missing(fault) | Answer::Failed(fault) => _ = answers.faults.insert(service, fault),
        }
    }
    Ok(answers)
}
