//! The seam to the poller: one round after another of asking for the version, and for the documents if that has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{FutureExt, LocalBoxFuture};
use rustc_hash::FxHasher;
use slog::{Logger, debug};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    MetadataFault,
    client::{MetadataSource, OWN_SERVICE_PATH, other_path, service_path},
    document::{parse_own_service, read_service},
    network,
};
use crate::{
    domain::{Container, ServiceRef},
    metadata::{Answer, Fault, Listing, OwnPorts, Source, State},
};

/// A server that does not hold long polls is asked no more often.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Follows the version of the metadata, and the narrow document of each service.
pub struct Rancher<M> {
    server: M,
    version: Option<String>,
    services: BTreeMap<ServiceRef, Known>,
    /// Asked for until it is known: Rancher replaces stalls' own container when its ports change.
    own: Option<OwnPorts>,
    /// When the next long poll may begin.
    next_poll: Instant,
    log: Logger,
}

/// One service, as it was read last.
#[derive(Debug, Default)]
struct Known {
    /// The hash of its document. One that is as it was is not parsed again, since the version changes with every
    /// change of the whole environment. `None` if there is none, or if addresses depend on other documents, too.
    document: Option<u64>,
    listing: Option<Listing>,
    /// What the server said when it was asked last, if it was not the document.
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It does not know the service.
    Missing,
    /// It gave nothing that can be read.
    Failed,
}

impl<M: MetadataSource> Rancher<M> {
    /// Follows these services. Whether it asks what stalls' own service publishes is told by `needs_own_ports`.
    pub fn new(server: M, services: BTreeSet<ServiceRef>, needs_own_ports: bool, log: Logger) -> Self {
        Self {
            server,
            version: None,
            services: services.into_iter().map(|service| (service, Known::default())).collect(),
            own: (!needs_own_ports).then(OwnPorts::default),
            next_poll: Instant::now(),
            log,
        }
    }

    async fn round(&mut self, wait: Duration) -> Result<State, MetadataFault> {
        let version = self.version(wait).await?;
        let is_known = version.is_some() && version == self.version;
        let news = version.filter(|_| !is_known);
        if news.is_some() && self.own.is_none() {
            self.own = own_ports(&self.server).await?;
        }
        let mut services = BTreeMap::new();
        for (service, known) in &mut self.services {
            if news.is_some() || known.trouble.is_some() {
                services.insert(service.clone(), known.ask(&self.server, service).await);
            } else if let Some(listing) = known.listing.clone().filter(|_| is_known) {
                services.insert(service.clone(), Answer::Listed(listing));
            }
        }
        if let Some(news) = news {
            debug!(self.log, "metadata version followed"; "version" => &news);
            self.version = Some(news);
        }
        Ok(State { services, own: self.own.clone().unwrap_or_default() })
    }

    /// The version, after a long poll unless there is to be no wait. `None` if the poll was cut short, since a service is
    /// to be asked for again.
    async fn version(&mut self, wait: Duration) -> Result<Option<String>, MetadataFault> {
        let known = self.version.clone().filter(|_| !wait.is_zero());
        let is_long_poll = known.is_some();
        if is_long_poll {
            sleep_until(self.next_poll).await;
        }
        let asked = Instant::now();
        let is_cut_short =
            is_long_poll && self.services.values().any(|known| known.trouble == Some(Trouble::Failed));
        let answer = self.server.version(known, wait);
        let version = match is_cut_short {
            true => timeout(wait, answer).await.ok().transpose()?,
            false => Some(answer.await?),
        };
        if is_long_poll && version == self.version {
            self.next_poll = asked + wait.max(MIN_INTERVAL);
        }
        Ok(version)
    }
}

impl<M: MetadataSource> Source for Rancher<M> {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &MetadataFault::KINDS
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        async move { Ok(self.round(wait).await?) }.boxed_local()
    }
}

impl Known {
    /// Asks for the document of this service.
    async fn ask<M: MetadataSource>(&mut self, server: &M, service: &ServiceRef) -> Answer {
        match self.read(server, service).await {
            Ok(listing) => {
                self.trouble = None;
                Answer::Listed(listing)
            }
            // A server that answers nothing else either has lost its data for a moment.
            Err(fault) if fault.is_verdict() && server.document(other_path(service)).await.is_ok() => {
                self.trouble = Some(Trouble::Missing);
                Answer::Missing(fault.into())
            }
            Err(fault) => {
                self.trouble = Some(Trouble::Failed);
                Answer::Failed(fault.into())
            }
        }
    }

    async fn read<M: MetadataSource>(
        &mut self,
        server: &M,
        service: &ServiceRef,
    ) -> Result<Listing, MetadataFault> {
        let path = service_path(service);
        let document = server.document(path.clone()).await?;
        let hash = hash(&document);
        if let Some(listing) = self.listing.as_ref().filter(|_| self.document == Some(hash)) {
            return Ok(listing.clone());
        }
        let older = self.listing.as_ref().map(|older| older.containers.as_slice()).unwrap_or_default();
        let (mut listing, guests) = read_service(&path, &service.service, &document, older)?;
        for (uuid, owner) in &guests {
            if let Some(address) = network::address(server, owner).await? {
                let of_guest = |it: &&mut Arc<Container>| it.address.is_none() && *it.uuid == **uuid;
                for container in listing.containers.iter_mut().filter(of_guest) {
                    Arc::make_mut(container).address = Some(address.as_str().into());
                }
            }
        }
        self.document = guests.is_empty().then_some(hash);
        self.listing = Some(listing.clone());
        Ok(listing)
    }
}

fn hash(document: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(document);
    hasher.finish()
}

/// A client that the server does not know has no `self`: for ever with host networking, for a moment when its
/// container is new.
async fn own_ports<M: MetadataSource>(server: &M) -> Result<Option<OwnPorts>, MetadataFault> {
    match server.document(OWN_SERVICE_PATH.into()).await {
        Ok(document) => parse_own_service(OWN_SERVICE_PATH, &document).map(Some),
        Err(fault) if fault.is_verdict() => Ok(None),
        Err(fault) => Err(fault),
    }
}
