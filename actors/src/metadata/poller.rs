//! The actor that follows the metadata server.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use slog::{Logger, debug, info, warn};
use tokio::time::Instant;

use super::{
    MetadataFault,
    client::{MetadataSource, OWN_SERVICE_PATH, service_path},
    document::{parse_published_ports, parse_service},
    pace::Pace,
};
use crate::{
    backoff::{Backoff, FirstRetry},
    domain::{PublishedPorts, ServiceRef, Snapshot},
    episode::Episode,
    messages::{MetadataReport, ReportMetadata, ServiceChanged, Shutdown},
    outbox::Outbox,
};

/// What the server answers for every path before it has its first data.
const NO_DATA_YET: &str = "Invalid version";

/// How soon the server is asked again after a change: those who act upon it come first. Timers have no less.
const HEAD_START: Duration = Duration::from_millis(1);

/// What the poller is to follow, and how.
#[derive(Clone, Debug)]
pub struct PollerSettings {
    /// The services to follow.
    pub services: BTreeSet<ServiceRef>,
    /// The length of a long poll, and the ceiling of the pause before a retry.
    pub poll_sleep: Duration,
    /// Whether to ask what stalls' own service publishes.
    pub needs_published_ports: bool,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// Follows the version of the metadata, fetches the narrow document of each service when it changes, and
/// tells the allocator when something in it does that matters.
pub struct MetadataPoller<S> {
    settings: PollerSettings,
    source: Rc<S>,
    outbox: BTreeMap<ServiceRef, Outbox<ServiceChanged>>,
    followed: Followed,
    backoff: Backoff,
    fault: Episode,
    pace: Pace,
    rng: fastrand::Rng,
    started: Instant,
    log: Logger,
}

/// What has been taken over so far.
#[derive(Default)]
struct Followed {
    version: Option<String>,
    /// Asked for until it is known: Rancher replaces stalls' own container when its ports change.
    published: Option<PublishedPorts>,
    bodies: BTreeMap<ServiceRef, Vec<u8>>,
    sent: BTreeMap<ServiceRef, Arc<Snapshot>>,
    /// What has been replaced. To take it apart takes a while, which those who act upon the change need not wait for.
    outdated: Vec<Outdated>,
}

/// The body and the snapshot that a service had before.
type Outdated = (Option<Vec<u8>>, Option<Arc<Snapshot>>);

/// Whether to wait for a change. While a fault lasts, its end is of more interest.
#[derive(Clone, Copy, PartialEq)]
enum Patience {
    LongPoll,
    None,
}

/// What one round of asking brought.
enum Round {
    Unchanged,
    Changed { version: String, published: Option<PublishedPorts>, bodies: Vec<(ServiceRef, Body)> },
}

type Body = Result<Vec<u8>, MetadataFault>;

impl<S: MetadataSource> MetadataPoller<S> {
    /// A poller that asks `source` and tells `allocator`.
    pub fn new(
        settings: PollerSettings,
        source: S,
        allocator: &Recipient<ServiceChanged>,
        log: Logger,
    ) -> Self {
        let outbox = settings.services.iter().map(|s| (s.clone(), Outbox::new(allocator.clone()))).collect();
        let followed = Followed {
            published: (!settings.needs_published_ports).then(PublishedPorts::default),
            ..Followed::default()
        };
        Self {
            backoff: Backoff::new(FirstRetry::Delayed, settings.poll_sleep),
            rng: fastrand::Rng::with_seed(settings.seed),
            source: Rc::new(source),
            outbox,
            followed,
            fault: Episode::default(),
            pace: Pace::new(),
            started: Instant::now(),
            settings,
            log,
        }
    }

    fn ask(&mut self, ctx: &mut Context<Self>) {
        self.followed.outdated.clear();
        let asked = Instant::now();
        let patience = if self.fault.lasts() { Patience::None } else { Patience::LongPoll };
        let round = ask(
            Rc::clone(&self.source),
            self.settings.clone(),
            self.followed.version.clone(),
            patience,
            self.followed.published.clone(),
        );
        ctx.spawn(round.into_actor(self).map(move |round, poller, ctx| {
            let pause = match round.and_then(|round| poller.take_over(round, asked, patience)) {
                Ok(pause) => {
                    poller.note_success(patience);
                    pause
                }
                Err(fault) => poller.note_fault(&fault),
            };
            if pause.is_zero() {
                poller.ask(ctx);
            } else {
                ctx.run_later(pause, Self::ask);
            }
        }));
    }

    /// Takes over what a round brought; tells how long to wait before the next. After a fault the version
    /// stays as it was, so that the next round asks for the documents again.
    fn take_over(
        &mut self,
        round: Round,
        asked: Instant,
        patience: Patience,
    ) -> Result<Duration, MetadataFault> {
        let Round::Changed { version, published, bodies } = round else {
            return Ok(match patience {
                Patience::LongPoll => Pace::after_no_change(asked.elapsed(), self.settings.poll_sleep),
                Patience::None => Duration::ZERO,
            });
        };
        if published.is_some() {
            self.followed.published = published;
            // Part of every snapshot: the documents are looked at again.
            self.followed.bodies.clear();
        }
        // The round is repeated as a whole, so one of its faults speaks for all.
        let mut fault = None;
        for (service, body) in bodies {
            if let Err(failed) = body.and_then(|body| self.take_over_body(service, body)) {
                fault = Some(failed);
            }
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        debug!(self.log, "metadata version followed"; "version" => &version);
        self.followed.version = Some(version);
        Ok(self.pace.after_change(self.started.elapsed()).max(HEAD_START))
    }

    fn take_over_body(&mut self, service: ServiceRef, body: Vec<u8>) -> Result<(), MetadataFault> {
        if self.followed.bodies.get(&service) == Some(&body) {
            return Ok(());
        }
        let sent = self.followed.sent.get(&service);
        let known = sent.map(|sent| sent.containers.as_slice()).unwrap_or_default();
        let containers = parse_service(&service_path(&service), &service.service, &body, known)?;
        let published = self.followed.published.clone().unwrap_or_default();
        let snapshot = Arc::new(Snapshot { containers, published });
        let is_news = sent != Some(&snapshot);
        let body = self.followed.bodies.insert(service.clone(), body);
        if is_news {
            let sent = self.followed.sent.insert(service.clone(), Arc::clone(&snapshot));
            self.followed.outdated.push((body, sent));
            if let Some(outbox) = self.outbox.get(&service) {
                debug!(self.log, "service changed"; "service" => %service, "containers" => snapshot.containers.len());
                outbox.post(ServiceChanged { service, snapshot });
            }
        }
        Ok(())
    }

    fn note_success(&mut self, patience: Patience) {
        // A server that answers all but the long poll must not be asked again and again without a pause.
        if patience == Patience::LongPoll {
            self.backoff.reset();
        }
        if let Some(ended) = self.fault.succeeded(Instant::now()) {
            info!(self.log, "metadata fault ended";
                "lasted_ms" => ended.lasted.as_millis() as u64, "failures" => ended.failures);
        }
    }

    fn note_fault(&mut self, fault: &MetadataFault) -> Duration {
        let pause = self.backoff.next_pause(&mut self.rng);
        if self.fault.failed(fault.kind(), Instant::now()) {
            warn!(self.log, "metadata fault, the last good mapping stays";
                "kind" => fault.kind(), "path" => fault.path(), "error" => %fault, "retry_ms" => pause.as_millis() as u64);
        }
        pause
    }
}

/// One round: the version, and if it is another than `known`, the documents.
async fn ask<S: MetadataSource>(
    source: Rc<S>,
    settings: PollerSettings,
    known: Option<String>,
    patience: Patience,
    published: Option<PublishedPorts>,
) -> Result<Round, MetadataFault> {
    let wait_from = known.clone().filter(|_| patience == Patience::LongPoll);
    let version = source.version(wait_from, settings.poll_sleep).await?;
    if known.as_ref() == Some(&version) {
        return Ok(Round::Unchanged);
    }
    let published = match published {
        Some(_) => None,
        None => own_published_ports(source.as_ref()).await?,
    };
    let mut bodies = Vec::new();
    for service in settings.services {
        let body = source.document(service_path(&service)).await;
        bodies.push((service, body));
    }
    Ok(Round::Changed { version, published, bodies })
}

/// Asks once for the snapshots of `services`.
///
/// # Errors
/// The first fault.
pub async fn fetch_once<S: MetadataSource>(
    source: &S,
    services: &BTreeSet<ServiceRef>,
    needs_published_ports: bool,
) -> Result<BTreeMap<ServiceRef, Arc<Snapshot>>, MetadataFault> {
    let published = if needs_published_ports {
        own_published_ports(source).await?.unwrap_or_default()
    } else {
        PublishedPorts::default()
    };
    let mut snapshots = BTreeMap::new();
    for service in services {
        let path = service_path(service);
        let body = source.document(path.clone()).await?;
        let containers = parse_service(&path, &service.service, &body, &[])?;
        snapshots.insert(service.clone(), Arc::new(Snapshot { containers, published: published.clone() }));
    }
    Ok(snapshots)
}

/// A client that the server does not know has no `self`: for ever with host networking, for a moment when its
/// container is new.
async fn own_published_ports<S: MetadataSource>(source: &S) -> Result<Option<PublishedPorts>, MetadataFault> {
    match source.document(OWN_SERVICE_PATH.into()).await {
        Ok(body) => parse_published_ports(OWN_SERVICE_PATH, &body).map(Some),
        Err(MetadataFault::NotFound { message, .. }) if message != NO_DATA_YET => Ok(None),
        Err(fault) => Err(fault),
    }
}

impl<S: MetadataSource> Actor for MetadataPoller<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.ask(ctx);
    }
}

impl<S: MetadataSource> Handler<ReportMetadata> for MetadataPoller<S> {
    type Result = MetadataReport;

    fn handle(&mut self, _: ReportMetadata, _: &mut Context<Self>) -> MetadataReport {
        MetadataReport { fault_for: self.fault.lasts_for(Instant::now()) }
    }
}

impl<S: MetadataSource> Handler<Shutdown> for MetadataPoller<S> {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
