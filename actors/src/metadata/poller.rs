//! The actor that follows the metadata server.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, mem, rc::Rc, time::Duration};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use slog::{Logger, debug, info, warn};
use tokio::time::Instant;

use super::{
    MetadataFault,
    client::MetadataSource,
    followed::{Followed, Known, Missing, ServiceRead},
    pace::Pace,
    published::is_udp_of,
    round::{Answer, PollMode, Round, poll},
};
use crate::{
    backoff::{Backoff, FirstRetry},
    counts::Counts,
    domain::{Mapping, PublishedPorts, Reason, ServiceRef},
    messages::{MetadataReport, ReportMetadata, ServiceChanged, Shutdown, SourceFault},
    outage::Outage,
    reports_changed::ReportsChanged,
};

/// What the poller is to follow, and how.
#[derive(Clone, Debug)]
pub struct PollerSettings {
    /// What is mapped: the services to follow.
    pub mappings: Vec<Mapping>,
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
    /// The newest kind of it.
    reason: Option<Reason>,
    faults: Counts,
    has_answered: bool,
    reports_changed: ReportsChanged,
    /// The last round failed as a whole.
    retries: bool,
    /// Of whose UDP ports the log has told.
    udp_told: BTreeSet<String>,
    /// Of which services the log has told that they have containers of others.
    others_told: BTreeSet<ServiceRef>,
    pace: Pace,
    rng: fastrand::Rng,
    started: Instant,
    log: Logger,
}

/// What became of a round.
struct Applied {
    /// How long to wait before the next one.
    pause: Duration,
    /// A service that the server does not know, and that does not count as gone yet.
    missing: Option<MetadataFault>,
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
            services: settings.mappings.iter().map(|it| (it.service.clone(), Known::default())).collect(),
            ..Followed::default()
        };
        Self {
            backoff: Backoff::new(FirstRetry::Delayed, settings.poll_sleep),
            rng: fastrand::Rng::with_seed(settings.seed),
            source: Rc::new(source),
            allocator,
            followed,
            fault: Outage::default(),
            reason: None,
            faults: Counts::of(&MetadataFault::KINDS),
            has_answered: false,
            reports_changed: ReportsChanged::default(),
            retries: false,
            udp_told: BTreeSet::new(),
            others_told: BTreeSet::new(),
            pace: Pace::new(),
            started: Instant::now(),
            settings,
            log,
        }
    }

    /// Has it noted when its report may differ.
    #[must_use]
    pub fn noting(mut self, reports_changed: ReportsChanged) -> Self {
        self.reports_changed = reports_changed;
        self
    }

    fn poll(&mut self, ctx: &mut Context<Self>) {
        let asked = Instant::now();
        let mode = if self.retries { PollMode::Immediate } else { PollMode::LongPoll };
        let (source, settings) = (Rc::clone(&self.source), self.settings.clone());
        let followed = self.followed.clone();
        let round = async move { poll(source.as_ref(), &settings, &followed, mode).await };
        ctx.spawn(round.into_actor(self).map(move |result, poller, ctx| {
            let applied = result.and_then(|round| poller.apply_round(round, asked, mode));
            poller.retries = applied.is_err();
            let pause = match applied {
                Ok(Applied { pause, missing }) => {
                    poller.note_answers(mode, missing);
                    pause
                }
                Err(fault) => {
                    poller.followed.note_fault();
                    let pause = poller.backoff.next_pause(&mut poller.rng);
                    poller.note_fault(&fault, pause);
                    pause
                }
            };
            if pause.is_zero() {
                poller.poll(ctx);
            } else {
                ctx.run_later(pause, Self::poll);
            }
        }));
    }

    /// Applies what a round brought. After a fault the version stays as it was, so that the next round asks for the
    /// documents again.
    fn apply_round(
        &mut self,
        round: Round,
        asked: Instant,
        mode: PollMode,
    ) -> Result<Applied, MetadataFault> {
        if let Some(own) = round.own {
            self.followed.published = Some(own.published);
            self.tell_of_udp("stalls itself", &own.udp);
        }
        // The round is repeated as a whole, so one of its faults speaks for all.
        let (mut fault, mut missing) = (None, None);
        for (service, answer) in round.answers {
            match answer {
                Ok(Answer::Missing(not_found)) => missing = self.note_missing(service, not_found).or(missing),
                Ok(Answer::Read(read)) => self.note_found(service, Some(read)),
                Ok(Answer::AsBefore) => self.note_found(service, None),
                Err(failed) => fault = Some(failed),
            }
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if round.version.is_none() {
            self.followed.confirm(Instant::now());
        }
        let pause = match (round.version, mode) {
            (Some(version), _) => {
                debug!(self.log, "metadata version followed"; "version" => &version);
                self.followed.version = Some(version);
                self.pace.after_change(self.started.elapsed())
            }
            (None, PollMode::LongPoll) => Pace::after_no_change(asked.elapsed(), self.settings.long_poll()),
            (None, PollMode::Immediate) => Duration::ZERO,
        };
        Ok(Applied { pause, missing })
    }

    /// The server knows the service; without `read` its document is as before.
    fn note_found(&mut self, service: ServiceRef, read: Option<ServiceRead>) {
        if self.followed.services.entry(service.clone()).or_default().note_found() {
            info!(self.log, "service found again"; "service" => %service);
        }
        if let Some(read) = &read {
            self.tell_of_udp(&service.to_string(), &read.udp);
            self.tell_of_other_services(&service, &read.other_services);
        }
        self.tell(service.clone(), read);
        self.followed.services.entry(service).or_default().confirm(Instant::now());
    }

    /// The server does not know the service; gives the fault back that this is for now.
    fn note_missing(&mut self, service: ServiceRef, not_found: MetadataFault) -> Option<MetadataFault> {
        let known = self.followed.services.entry(service.clone()).or_default();
        match known.note_missing(Instant::now()) {
            Missing::ForNow => return Some(not_found),
            Missing::GoneNow => warn!(self.log, "service not found, it counts as one without containers";
                "service" => %service, "error" => %not_found),
            Missing::Gone => {}
        }
        let why_empty = Some("the metadata does not know it; check SERVICE_NAME and STACK_NAME".into());
        self.tell(service, Some(ServiceRead { why_empty, ..ServiceRead::default() }));
        None
    }

    /// Tells the allocator of a service, if something in it matters that was not so before.
    fn tell(&mut self, service: ServiceRef, read: Option<ServiceRead>) {
        let proof_age = self.followed.proof_age(&service, Instant::now());
        if let Some(snapshot) = self.followed.update(&service, read) {
            debug!(self.log, "service changed"; "service" => %service, "containers" => snapshot.containers.len());
            self.allocator.do_send(ServiceChanged { service, snapshot, proof_age });
        }
    }

    /// Says once of each publisher of UDP ports that stalls does not forward them.
    fn tell_of_udp(&mut self, publisher: &str, published: &BTreeSet<String>) {
        let is_ours = |port: &&String| self.settings.mappings.iter().any(|mapping| is_udp_of(port, mapping));
        let ours: Vec<_> = published.iter().filter(is_ours).collect();
        if let Some(example) = ours.first()
            && self.udp_told.insert(publisher.to_owned())
        {
            warn!(self.log, "UDP ports are published, stalls forwards TCP only";
                "publisher" => publisher, "ports" => ours.len(), "example" => example);
        }
    }

    /// Says once of each service that containers of others are in it.
    fn tell_of_other_services(&mut self, service: &ServiceRef, others: &BTreeSet<String>) {
        if let Some(example) = others.first()
            && self.others_told.insert(service.clone())
        {
            warn!(self.log, "containers of other services are mapped without an index, hosts may differ";
                "service" => %service, "services" => others.len(), "example" => example);
        }
    }

    fn note_answers(&mut self, mode: PollMode, missing: Option<MetadataFault>) {
        // A server that answers all but the long poll must not be asked again and again without a pause.
        if mode == PollMode::LongPoll {
            self.backoff.reset();
        }
        if !mem::replace(&mut self.has_answered, true) {
            self.reports_changed.note();
        }
        if let Some(missing) = missing {
            self.note_fault(&missing, self.settings.poll_sleep);
        } else if let Some(ended) = self.fault.succeeded(Instant::now()) {
            info!(self.log, "metadata fault ended";
                "lasted_ms" => ended.lasted.as_millis() as u64, "failures" => ended.failures);
            self.reports_changed.note();
        }
    }

    fn note_fault(&mut self, fault: &MetadataFault, pause: Duration) {
        self.faults.count(fault.kind());
        if self.fault.failed(fault.kind(), Instant::now()) {
            warn!(self.log, "metadata fault, the last good mapping stays";
                "kind" => fault.kind(), "path" => fault.path(), "error" => %fault, "retry_ms" => pause.as_millis() as u64);
            self.reason = Some(Reason::new(fault.kind(), fault));
            self.reports_changed.note();
        }
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
        let fault = self.fault.since().zip(self.reason.clone());
        MetadataReport {
            has_answered: self.has_answered,
            fault: fault.map(|(since, reason)| SourceFault { since, reason }),
            faults: self.faults.clone(),
        }
    }
}

impl<S: MetadataSource> Handler<Shutdown> for MetadataPoller<S> {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
