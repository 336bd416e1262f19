//! The actor that follows the metadata server.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use rustc_hash::FxHasher;
use slog::{Logger, debug, info, warn};
use tokio::time::Instant;

use super::{
    MetadataFault,
    client::{MetadataSource, service_path},
    document::parse_service,
    pace::Pace,
    round::{PollMode, PollResult, poll},
};
use crate::{
    backoff::{Backoff, FirstRetry},
    domain::{PublishedPorts, ServiceRef, Snapshot},
    messages::{MetadataReport, ReportMetadata, ServiceChanged, Shutdown},
    outage::Outage,
};

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

/// However long a poll may be, the source is to say at least so often that nothing has changed: a container that was
/// listed longer ago does not linger.
const MAX_LONG_POLL: Duration = Duration::from_secs(20);

impl PollerSettings {
    /// The length of a long poll.
    pub(super) fn long_poll(&self) -> Duration {
        self.poll_sleep.min(MAX_LONG_POLL)
    }
}

/// Follows the version of the metadata, fetches the narrow document of each service when it changes, and
/// tells the allocator when something in it does that matters.
pub struct MetadataPoller<S> {
    settings: PollerSettings,
    source: Rc<S>,
    allocator: Recipient<ServiceChanged>,
    followed: Followed,
    backoff: Backoff,
    fault: Outage,
    pace: Pace,
    rng: fastrand::Rng,
    started: Instant,
    log: Logger,
}

/// What has been applied so far.
#[derive(Default)]
struct Followed {
    version: Option<String>,
    /// Asked for until it is known: Rancher replaces stalls' own container when its ports change.
    published: Option<PublishedPorts>,
    /// The hash of each document. One that is as it was is not parsed again, since the version changes with every
    /// change of the whole environment.
    documents: BTreeMap<ServiceRef, u64>,
    snapshots: BTreeMap<ServiceRef, Known>,
}

/// The newest snapshot of a service.
struct Known {
    snapshot: Arc<Snapshot>,
    /// When the source was last known to say this.
    confirmed: Instant,
}

impl<S: MetadataSource> MetadataPoller<S> {
    /// A poller that asks `source` and tells `allocator`.
    pub fn new(
        settings: PollerSettings,
        source: S,
        allocator: Recipient<ServiceChanged>,
        log: Logger,
    ) -> Self {
        let followed = Followed {
            published: (!settings.needs_published_ports).then(PublishedPorts::default),
            ..Followed::default()
        };
        Self {
            backoff: Backoff::new(FirstRetry::Delayed, settings.poll_sleep),
            rng: fastrand::Rng::with_seed(settings.seed),
            source: Rc::new(source),
            allocator,
            followed,
            fault: Outage::default(),
            pace: Pace::new(),
            started: Instant::now(),
            settings,
            log,
        }
    }

    fn poll(&mut self, ctx: &mut Context<Self>) {
        let asked = Instant::now();
        let mode = match self.fault.lasts() {
            true => PollMode::Immediate,
            false => PollMode::LongPoll,
        };
        let (source, settings) = (Rc::clone(&self.source), self.settings.clone());
        let (known, needs_published_ports) =
            (self.followed.version.clone(), self.followed.published.is_none());
        let round = async move { poll(source.as_ref(), &settings, known, mode, needs_published_ports).await };
        ctx.spawn(round.into_actor(self).map(move |result, poller, ctx| {
            let pause = match result.and_then(|result| poller.apply_round(result, asked, mode)) {
                Ok(pause) => {
                    poller.note_success(mode);
                    pause
                }
                Err(fault) => poller.note_fault(&fault),
            };
            if pause.is_zero() {
                poller.poll(ctx);
            } else {
                ctx.run_later(pause, Self::poll);
            }
        }));
    }

    /// Applies what a round brought; tells how long to wait before the next. After a fault the version
    /// stays as it was, so that the next round asks for the documents again.
    fn apply_round(
        &mut self,
        result: PollResult,
        asked: Instant,
        mode: PollMode,
    ) -> Result<Duration, MetadataFault> {
        let PollResult::Changed { version, published, documents } = result else {
            self.followed.snapshots.values_mut().for_each(|known| known.confirmed = Instant::now());
            return Ok(match mode {
                PollMode::LongPoll => Pace::after_no_change(asked.elapsed(), self.settings.long_poll()),
                PollMode::Immediate => Duration::ZERO,
            });
        };
        if published.is_some() {
            self.followed.published = published;
            // Part of every snapshot: the documents are parsed again.
            self.followed.documents.clear();
        }
        // The round is repeated as a whole, so one of its faults speaks for all.
        let mut fault = None;
        for (service, document) in documents {
            if let Err(failed) = document.and_then(|document| self.apply_document(service, &document)) {
                fault = Some(failed);
            }
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        debug!(self.log, "metadata version followed"; "version" => &version);
        self.followed.version = Some(version);
        Ok(self.pace.after_change(self.started.elapsed()))
    }

    fn apply_document(&mut self, service: ServiceRef, document: &[u8]) -> Result<(), MetadataFault> {
        let mut hasher = FxHasher::default();
        hasher.write(document);
        let hash = hasher.finish();
        let confirmed = Instant::now();
        let older = self.followed.snapshots.get_mut(&service);
        if let Some(older) = older
            && self.followed.documents.get(&service) == Some(&hash)
        {
            older.confirmed = confirmed;
            return Ok(());
        }
        let older = self.followed.snapshots.get(&service);
        let containers = older.map(|older| older.snapshot.containers.as_slice()).unwrap_or_default();
        let containers = parse_service(&service_path(&service), &service.service, document, containers)?;
        let published = self.followed.published.clone().unwrap_or_default();
        let snapshot = Arc::new(Snapshot { containers, published });
        let is_news = older.is_none_or(|older| older.snapshot != snapshot);
        let proof_age = older.map_or(Duration::ZERO, |older| confirmed - older.confirmed);
        self.followed.documents.insert(service.clone(), hash);
        let known = Known { snapshot: Arc::clone(&snapshot), confirmed };
        self.followed.snapshots.insert(service.clone(), known);
        if is_news {
            debug!(self.log, "service changed"; "service" => %service, "containers" => snapshot.containers.len());
            self.allocator.do_send(ServiceChanged { service, snapshot, proof_age });
        }
        Ok(())
    }

    fn note_success(&mut self, mode: PollMode) {
        // A server that answers all but the long poll must not be asked again and again without a pause.
        if mode == PollMode::LongPoll {
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

impl<S: MetadataSource> Actor for MetadataPoller<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.poll(ctx);
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
