//! The actor that follows the source.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, mem, time::Duration};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use slog::{Logger, debug, info, warn};
use tokio::time::Instant;

use super::{
    Answer, Fault, Listing, OwnPorts, Source, State,
    followed::{Followed, Missing},
    once::Once,
    pace::Pace,
};
use crate::{
    backoff::{Backoff, FirstRetry},
    counts::Counts,
    domain::{Mapping, Reason, ServiceRef},
    messages::{MetadataReport, ReportMetadata, ServiceChanged, Shutdown, SourceFault},
    outage::{Ended, Outage},
    reports_changed::ReportsChanged,
};

/// What the poller is to follow, and how.
#[derive(Clone, Debug)]
pub struct PollerSettings {
    /// What is mapped: the services to follow.
    pub mappings: Vec<Mapping>,
    /// How long the source may wait for a change, and the ceiling of the pause before a retry.
    pub poll_sleep: Duration,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// However long the source may wait for a change, it is to say at least so often that there is none: a container that was
/// listed longer ago does not linger.
const MAX_WAIT: Duration = Duration::from_secs(20);

impl PollerSettings {
    fn wait(&self) -> Duration {
        self.poll_sleep.min(MAX_WAIT)
    }
}

/// Asks the source again and again, and tells the allocator of a service when something in it differs that matters.
pub struct MetadataPoller {
    settings: PollerSettings,
    /// `None` while it is asked.
    source: Option<Box<dyn Source>>,
    allocator: Recipient<ServiceChanged>,
    followed: BTreeMap<ServiceRef, Followed>,
    backoff: Backoff,
    /// How long the source may wait for a change when it is asked next.
    wait: Duration,
    /// When it is to ask again for the services that have failed.
    retry_at: Option<Instant>,
    fault: Outage,
    /// The newest kind of it.
    reason: Option<Reason>,
    faults: Counts,
    has_answered: bool,
    reports_changed: ReportsChanged,
    once: Once,
    pace: Pace,
    rng: fastrand::Rng,
    started: Instant,
    log: Logger,
}

impl MetadataPoller {
    /// A poller that asks `source` and tells `allocator`.
    pub fn new(
        settings: PollerSettings,
        source: Box<dyn Source>,
        allocator: Recipient<ServiceChanged>,
        log: Logger,
    ) -> Self {
        let services = settings.mappings.iter().map(|mapping| mapping.service.clone());
        Self {
            backoff: Backoff::new(FirstRetry::Delayed, settings.poll_sleep),
            rng: fastrand::Rng::with_seed(settings.seed),
            faults: Counts::of(source.fault_kinds()),
            source: Some(source),
            allocator,
            followed: services.map(|service| (service, Followed::default())).collect(),
            wait: settings.wait(),
            retry_at: None,
            fault: Outage::default(),
            reason: None,
            has_answered: false,
            reports_changed: ReportsChanged::default(),
            once: Once::default(),
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
        let Some(mut source) = self.source.take() else { return };
        let (asked, wait) = (Instant::now(), self.wait);
        let round = async move {
            let answer = source.next(wait).await;
            (source, answer)
        };
        ctx.spawn(round.into_actor(self).map(move |(source, answer), poller, ctx| {
            poller.source = Some(source);
            let pause = match answer {
                Ok(state) => {
                    poller.take(state, wait);
                    // What comes before its time is a change.
                    match asked.elapsed() < wait {
                        true => poller.pace.after_change(poller.started.elapsed()),
                        false => Duration::ZERO,
                    }
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

    /// Takes what the source has said after it might wait for so long.
    fn take(&mut self, State { services, own }: State, waited: Duration) {
        let now = Instant::now();
        self.once.tell_of_udp("stalls itself", &own.udp, &self.settings.mappings, &self.log);
        let (mut failed, mut answered) = (Vec::new(), self.has_answered);
        let left_out = |(service, _): &(&ServiceRef, _)| !services.contains_key(service);
        let fails_still =
            self.followed.iter().filter(left_out).any(|(_, followed)| followed.fault().is_some());
        for (service, answer) in services {
            match answer {
                Answer::Listed(listing) => self.note_found(&service, listing, &own, now),
                Answer::Missing(fault) => {
                    if self.note_missing(&service, &fault, &own, now) {
                        let retry = self.settings.wait();
                        self.note_service_fault(&service, &fault, retry, now);
                    }
                }
                Answer::Failed(fault) => {
                    failed.push((service, fault));
                    continue;
                }
            }
            answered = true;
        }
        if !failed.is_empty() {
            self.retry_at = Some(now + self.backoff.next_pause(&mut self.rng));
        } else if !fails_still {
            self.retry_at = None;
            // A source that answers at once but fails in each wait must not be asked again and again without a pause.
            if !waited.is_zero() {
                self.backoff.reset();
            }
        }
        // The others are waited for meanwhile.
        let until_retry = self.retry_at.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        self.wait = until_retry.min(self.settings.wait());
        for (service, fault) in failed {
            self.note_service_fault(&service, &fault, self.wait, now);
        }
        if answered != mem::replace(&mut self.has_answered, answered) {
            self.reports_changed.note();
        }
        if let Some(ended) = self.fault.succeeded(now) {
            self.note_end(&ended, None);
        }
    }

    fn note_found(&mut self, service: &ServiceRef, listing: Listing, own: &OwnPorts, now: Instant) {
        let followed = self.followed.entry(service.clone()).or_default();
        let was_gone = followed.note_found();
        let ended = followed.note_answer(now);
        if was_gone {
            info!(self.log, "service found again"; "service" => %service);
        }
        if let Some(ended) = ended {
            self.note_end(&ended, Some(service));
        }
        let (mappings, log) = (&self.settings.mappings, &self.log);
        self.once.tell_of_udp(&service.to_string(), &listing.udp, mappings, log);
        self.once.tell_of_others(service, &listing.other_services, log);
        self.tell(service, listing, own, now);
    }

    /// The source does not know the service; whether that is a fault for now.
    fn note_missing(&mut self, service: &ServiceRef, fault: &Fault, own: &OwnPorts, now: Instant) -> bool {
        let followed = self.followed.entry(service.clone()).or_default();
        match followed.note_missing(now) {
            Missing::ForNow => return true,
            Missing::GoneNow => warn!(self.log, "service not found, it counts as one without containers";
                "service" => %service, "error" => %fault),
            Missing::Gone => {}
        }
        if let Some(ended) = followed.note_answer(now) {
            self.note_end(&ended, Some(service));
        }
        let why_empty = Some("the source does not know it; check SERVICE_NAME and STACK_NAME".into());
        self.tell(service, Listing { why_empty, ..Listing::default() }, own, now);
        false
    }

    /// Tells the allocator of a service, if something in it matters that was not so before.
    fn tell(&mut self, service: &ServiceRef, listing: Listing, own: &OwnPorts, now: Instant) {
        let followed = self.followed.entry(service.clone()).or_default();
        if let Some((snapshot, proof_age)) = followed.take(listing, own.tcp.clone(), now) {
            debug!(self.log, "service changed"; "service" => %service, "containers" => snapshot.containers.len());
            self.allocator.do_send(ServiceChanged { service: service.clone(), snapshot, proof_age });
        }
    }

    /// Nothing could be said at all; gives the pause before the next try, which does not wait for a change.
    fn note_fault(&mut self, fault: &Fault) -> Duration {
        self.followed.values_mut().for_each(Followed::forget_missing);
        self.wait = Duration::ZERO;
        let pause = self.backoff.next_pause(&mut self.rng);
        self.faults.count(fault.kind);
        // What has begun with one service's document is the same story.
        let begun: Vec<_> =
            self.followed.values_mut().filter_map(|it| it.give_up_fault(fault.kind)).collect();
        if let Some((outage, reason)) = begun.into_iter().next().filter(|_| !self.fault.lasts()) {
            (self.fault, self.reason) = (outage, Some(reason));
        }
        if self.fault.failed(fault.kind, Instant::now()) {
            self.reason = Some(Reason::new(fault.kind, fault));
            self.log_fault(fault, None, pause);
        }
        pause
    }

    fn note_service_fault(&mut self, service: &ServiceRef, fault: &Fault, retry: Duration, now: Instant) {
        self.faults.count(fault.kind);
        if self.followed.entry(service.clone()).or_default().note_fault(fault, now) {
            self.log_fault(fault, Some(service), retry);
        }
    }

    /// `service` is `None` if all are concerned.
    fn log_fault(&self, fault: &Fault, service: Option<&ServiceRef>, retry: Duration) {
        warn!(self.log, "source fault, the last good mapping stays";
            "kind" => fault.kind, "service" => service.map(ToString::to_string), "subject" => &fault.subject,
            "error" => %fault, "retry_ms" => retry.as_millis() as u64);
        self.reports_changed.note();
    }

    fn note_end(&self, ended: &Ended, service: Option<&ServiceRef>) {
        info!(self.log, "source fault ended"; "service" => service.map(ToString::to_string),
            "lasted_ms" => ended.lasted.as_millis() as u64, "failures" => ended.failures);
        self.reports_changed.note();
    }
}

impl Actor for MetadataPoller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.poll(ctx);
    }
}

impl Handler<ReportMetadata> for MetadataPoller {
    type Result = MetadataReport;

    fn handle(&mut self, _: ReportMetadata, _: &mut Context<Self>) -> MetadataReport {
        let fault = self.fault.since().zip(self.reason.clone());
        let of_services =
            self.followed.iter().filter_map(|(service, it)| Some((service.clone(), it.fault()?)));
        MetadataReport {
            has_answered: self.has_answered,
            fault: fault.map(|(since, reason)| SourceFault { since, reason }),
            services: of_services.collect(),
            faults: self.faults.clone(),
        }
    }
}

impl Handler<Shutdown> for MetadataPoller {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
