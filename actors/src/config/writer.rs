//! The actor that proposes frames, has them checked, and keeps the copy for people.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResponse, Recipient,
    SpawnHandle, WrapFuture,
};
use slog::{Logger, info, warn};
use tokio::{sync::watch, time::Instant};

use super::{
    ConfigError, ConfigStore, Frame, HaproxyConfig, Renderer,
    copy::{self, Copied},
    problems::Problems,
};
use crate::{
    allocation::Plan,
    backoff::{Backoff, FirstRetry},
    coalescer::Coalescer,
    haproxy::{CheckConfig, ExcludePorts},
    in_ms::in_ms,
    messages::{PlanChanged, Shutdown},
    reports_changed::ReportsChanged,
};

/// A machine that is short of something may have it again soon.
pub(super) const MAX_RETRY: Duration = Duration::from_secs(5);

/// `ConfigWriter` → `HaproxySupervisor`: the newest frame, and what HAProxy has said of it.
///
/// Sent for each new frame, and again when HAProxy has been asked about it. A frame that a newer one has replaced
/// meanwhile is told of, too, if HAProxy has accepted it: it may be newer than the one that is live.
#[derive(Clone, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct ConfigWritten {
    /// The frame.
    pub frame: Arc<Frame>,
    /// What HAProxy has said of it.
    pub verdict: Verdict,
}

/// What `haproxy -c` has said of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has not been asked. To start HAProxy where none runs needs no check: the start is one.
    Unchecked,
    /// It finds no fault.
    Accepted,
    /// It would reject it again.
    Rejected,
}

/// The admin side → `ConfigWriter`: is the newest configuration in order?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "ConfigReport")]
pub struct ReportConfig;

/// What the writer answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct ConfigReport {
    /// Why there is no newest frame, or why HAProxy has not accepted it; `None` as long as nothing speaks against it.
    pub problem: Option<String>,
}

/// What the writer works with.
#[derive(Debug)]
pub struct WriterSettings {
    /// Knows the template, where to listen, and how many descriptors there are.
    pub renderer: Arc<Renderer>,
    /// Seeds the jitter of retries.
    pub seed: u64,
}

/// Proposes a frame whenever the plan needs another one, has it checked when the supervisor asks for that, and keeps
/// the copy for people. Nothing that it does keeps a change of routes waiting.
pub struct ConfigWriter<S> {
    renderer: Arc<Renderer>,
    store: Rc<S>,
    supervisor: Recipient<ConfigWritten>,
    plan: Option<Arc<Plan>>,
    excluded: BTreeSet<u16>,
    newest: Option<ConfigWritten>,
    /// The frame before the newest, in case that one is rejected.
    last_good: Option<Arc<Frame>>,
    checking: Coalescer,
    retry: Option<SpawnHandle>,
    copy: Option<watch::Sender<Option<Copied>>>,
    backoff: Backoff,
    problems: Problems,
    reports_changed: ReportsChanged,
    rng: fastrand::Rng,
    log: Logger,
}

impl<S: ConfigStore> ConfigWriter<S> {
    /// A writer that checks and keeps configurations in `store`, and tells `supervisor`.
    pub fn new(
        settings: WriterSettings,
        store: S,
        supervisor: Recipient<ConfigWritten>,
        log: Logger,
    ) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(settings.seed),
            renderer: settings.renderer,
            store: Rc::new(store),
            supervisor,
            plan: None,
            excluded: BTreeSet::new(),
            newest: None,
            last_good: None,
            checking: Coalescer::default(),
            retry: None,
            copy: None,
            backoff: Backoff::new(FirstRetry::Delayed, MAX_RETRY),
            problems: Problems::default(),
            reports_changed: ReportsChanged::default(),
            log,
        }
    }

    /// Has it noted when its report may differ.
    #[must_use]
    pub fn noting(mut self, reports_changed: ReportsChanged) -> Self {
        self.reports_changed = reports_changed;
        self
    }

    /// Tells of a new frame if the plan, or what can be bound, needs one; the routes go to the copy in any case.
    fn propose(&mut self, ctx: &mut Context<Self>) {
        let Some(plan) = self.plan.clone() else { return };
        let known = self.newest.as_ref().map(|newest| Arc::clone(&newest.frame));
        let known = known.as_deref();
        if !self.problems.cannot_render() && known.is_some_and(|known| known.fits(&plan, &self.excluded)) {
            return self.write_copy();
        }
        let frame = self.renderer.frame(&plan, &self.excluded);
        self.problems.note_rendered(frame.as_ref().err(), plan.revision, &self.log);
        self.reports_changed.note();
        match frame {
            Ok(frame) if known.is_some_and(|known| known.digest == frame.digest) => {}
            Ok(frame) => {
                self.problems.forget();
                if known.is_none_or(|known| known.limits != frame.limits) {
                    info!(self.log, "connection limit follows the descriptor limit";
                        "maxconn" => frame.limits.maxconn, "descriptor_limit" => self.renderer.settings().descriptor_limit);
                }
                let frame = Frame { proposal: known.map_or(0, |known| known.proposal) + 1, ..frame };
                let proposed = ConfigWritten { frame: Arc::new(frame), verdict: Verdict::Unchecked };
                let older = self.newest.replace(proposed.clone());
                let not_rejected = older.filter(|older| older.verdict != Verdict::Rejected);
                self.last_good = not_rejected.map(|older| older.frame).or(self.last_good.take());
                self.supervisor.do_send(proposed);
                if self.problems.is_unaccepted() {
                    // Nobody else may ask about this one, and whether it is better is to be said.
                    self.check(ctx);
                }
            }
            Err(_) => {}
        }
        self.write_copy();
    }

    /// Hands the newest configuration that HAProxy has not rejected to the copy.
    fn write_copy(&self) {
        let (Some(plan), Some(newest), Some(copy)) = (&self.plan, &self.newest, &self.copy) else { return };
        let frame = Some(&newest.frame).filter(|_| newest.verdict != Verdict::Rejected);
        if let Some(frame) = frame.or(self.last_good.as_ref()) {
            copy.send_replace(Some((Arc::clone(frame), Arc::clone(plan))));
        }
    }

    /// Has the newest frame checked, now or when the check under way has ended.
    fn check(&mut self, ctx: &mut Context<Self>) {
        // This is the retry. Were another one left waiting, each request would add its own to a lasting outage.
        if let Some(retry) = self.retry.take() {
            ctx.cancel_future(retry);
        }
        let (Some(plan), Some(newest)) = (&self.plan, &self.newest) else { return };
        if newest.verdict != Verdict::Unchecked {
            return self.supervisor.do_send(newest.clone());
        }
        if !self.checking.begin() {
            return;
        }
        let asked = Instant::now();
        let config = Arc::new(HaproxyConfig::new(Arc::clone(&newest.frame), plan));
        let checked = self.store.check(Arc::clone(&config));
        ctx.spawn(checked.into_actor(self).map(move |checked, writer, ctx| {
            let is_outdated = writer.checking.end();
            writer.note_checked(&config.frame, checked, asked, ctx);
            if is_outdated {
                writer.check(ctx);
            }
        }));
    }

    fn note_checked(
        &mut self,
        frame: &Arc<Frame>,
        checked: Result<(), ConfigError>,
        asked: Instant,
        ctx: &mut Context<Self>,
    ) {
        let verdict = match &checked {
            Ok(()) => {
                info!(self.log, "configuration accepted"; "revision" => frame.revision,
                    "ports" => frame.ports.len(), "excluded" => frame.excluded.len(),
                    "took_ms" => in_ms(asked.elapsed()));
                Verdict::Accepted
            }
            Err(error) if error.is_final() => Verdict::Rejected,
            Err(_) => Verdict::Unchecked,
        };
        let is_newest = self.newest.as_ref().is_some_and(|newest| newest.frame.digest == frame.digest);
        self.problems.note_checked(checked.as_ref().err(), is_newest, frame.revision, &self.log);
        self.reports_changed.note();
        match checked {
            Ok(()) => self.backoff.reset(),
            Err(error) if error.is_final() => {}
            Err(_) => self.retry = Some(ctx.run_later(self.backoff.next_pause(&mut self.rng), Self::check)),
        }
        let written = ConfigWritten { frame: Arc::clone(frame), verdict };
        let newest = self.newest.as_mut().filter(|newest| newest.frame.digest == frame.digest);
        match newest {
            Some(newest) => *newest = written.clone(),
            None if verdict == Verdict::Accepted => {}
            None => return,
        }
        if verdict != Verdict::Unchecked {
            self.supervisor.do_send(written);
            self.write_copy();
        }
    }
}

impl<S: ConfigStore> Actor for ConfigWriter<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if !self.renderer.updates_at_runtime() {
            warn!(self.log, "the template makes every change a reload";
                "reason" => "a used port differs from a free one in more than its server's address and the word \
                    disabled, and HAProxy cannot be told of that while it runs");
        }
        let (copy, newest) = watch::channel(None);
        self.copy = Some(copy);
        let copying = copy::keep(Rc::clone(&self.store), newest, self.rng.fork(), self.log.clone());
        ctx.spawn(copying.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl<S: ConfigStore> Handler<PlanChanged> for ConfigWriter<S> {
    type Result = ();

    fn handle(&mut self, PlanChanged(plan): PlanChanged, ctx: &mut Context<Self>) {
        self.plan = Some(plan);
        self.propose(ctx);
    }
}

impl<S: ConfigStore> Handler<ExcludePorts> for ConfigWriter<S> {
    type Result = ();

    fn handle(&mut self, ExcludePorts(ports): ExcludePorts, ctx: &mut Context<Self>) {
        self.excluded = ports;
        self.propose(ctx);
    }
}

impl<S: ConfigStore> Handler<CheckConfig> for ConfigWriter<S> {
    type Result = ();

    fn handle(&mut self, _: CheckConfig, ctx: &mut Context<Self>) {
        self.check(ctx);
    }
}

impl<S: ConfigStore> Handler<ReportConfig> for ConfigWriter<S> {
    type Result = ConfigReport;

    fn handle(&mut self, _: ReportConfig, _: &mut Context<Self>) -> ConfigReport {
        ConfigReport { problem: self.problems.newest() }
    }
}

impl<S: ConfigStore> Handler<Shutdown> for ConfigWriter<S> {
    type Result = ();

    /// What is being written is written to its end; a check is not waited for.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.copy = None;
    }
}
