//! The actor that turns snapshots into plans.

#[cfg(test)]
mod tests;

use std::{iter::zip, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
};
use futures_util::{
    FutureExt,
    future::{Either, LocalBoxFuture, select},
};
use slog::{Logger, error, info, warn};
use tokio::time::{Instant, timeout};

use super::{
    AllocatorSettings, Hold, Plan,
    decider::{Decider, Decision, Input},
    memory::to_save,
    report::{report, report_differences},
};
use crate::{
    messages::{AllocationReport, PlanChanged, ReleasePort, ReportAllocation, ServiceChanged, Shutdown},
    probing::{Connect, Prober},
    recording::{RecordDir, Recorder},
    reports_changed::ReportsChanged,
    state::{SavedState, Saver, StateStore},
};

/// How long a start waits for the metadata before the saved assignments serve. Serving them at once
/// could lead a port to an address that was given to another container meanwhile.
const METADATA_GRACE: Duration = Duration::from_millis(500);

/// How long the end waits for the last inputs to be recorded.
const LAST_RECORD: Duration = Duration::from_secs(1);

/// Decides when something may have changed, publishes the plan when it differs, and has it saved.
pub struct PortAllocator<C> {
    decider: Decider,
    receivers: Vec<Recipient<PlanChanged>>,
    /// Decides when the passing of time alone may change something.
    timer: Option<SpawnHandle>,
    prober: Prober<C>,
    /// `None` once it is to end.
    saver: Option<Saver>,
    recorder: Option<Recorder>,
    /// The work of the saver and the recorder, until the actor starts.
    saving: Option<LocalBoxFuture<'static, ()>>,
    reports_changed: ReportsChanged,
    started: Instant,
    log: Logger,
}

impl<C: Connect> PortAllocator<C> {
    /// An allocator that loads its state from `store` and saves it there, records its inputs in `record_dir`, finds out
    /// by `connect` which successors are ready and which missing containers are still there, and sends its plans to
    /// `receivers`.
    pub fn new<S: StateStore>(
        settings: AllocatorSettings,
        store: S,
        record_dir: Option<RecordDir>,
        connect: C,
        receivers: Vec<Recipient<PlanChanged>>,
        log: Logger,
    ) -> Self {
        let state = match store.load() {
            Ok(state) => state.unwrap_or_default(),
            Err(error) => {
                error!(log, "saved assignments unusable, starting without them";
                    "kind" => error.kind(), "error" => %error);
                SavedState::default()
            }
        };
        let decider = Decider::new(settings.clone(), &state);
        let (saver, saving) = Saver::new(store, log.clone());
        let recorded = record_dir.map(|dir| Recorder::new(dir, settings, state, log.clone()));
        let (recorder, recording) = recorded.unzip();
        let recording =
            recording.map_or_else(|| std::future::ready(()).boxed_local(), FutureExt::boxed_local);
        Self {
            decider,
            receivers,
            timer: None,
            prober: Prober::new(connect),
            saver: Some(saver),
            recorder,
            saving: Some(both(saving.boxed_local(), recording).boxed_local()),
            reports_changed: ReportsChanged::default(),
            started: Instant::now(),
            log,
        }
    }

    /// Has it noted when its report may differ.
    #[must_use]
    pub fn noting(mut self, reports_changed: ReportsChanged) -> Self {
        self.reports_changed = reports_changed;
        self
    }

    /// Has the input decided upon, and what follows from it done.
    fn take(&mut self, input: Input, ctx: &mut Context<Self>) {
        let now = self.started.elapsed();
        let decision = self.decider.take(&input, |address| self.prober.is_local(address), now);
        if let Some(plan) = &decision.plan {
            self.publish(decision.before.as_deref(), plan);
        }
        self.arm_timer(now, ctx);
        self.probe(ctx);
        if let Some(recorder) = &self.recorder {
            recorder.record(now, input, &decision, &self.decider);
        }
        let Decision { news, .. } = decision;
        zip(self.decider.pools(), news).for_each(|(pool, news)| report(&self.log, pool, news));
        self.reports_changed.note();
    }

    fn publish(&self, before: Option<&Plan>, plan: &Arc<Plan>) {
        self.receivers.iter().for_each(|receiver| receiver.do_send(PlanChanged(Arc::clone(plan))));
        // Clients wait for what the plan changes, not for the log and the disk.
        report_differences(&self.log, before, plan, self.decider.pools());
        self.save(plan);
    }

    /// Has the containers probed on which the next decision may depend.
    fn probe(&mut self, ctx: &mut Context<Self>) {
        self.prober.follow_successors(self.decider.successors(), ctx, |allocator, successor, (), ctx| {
            allocator.prober.note_ready(&successor);
            allocator.take(Input::Ready(successor), ctx);
        });
        self.prober.follow_lingering(self.decider.lingering(), ctx, |allocator, target, verdict, ctx| {
            allocator.prober.note_verdict(&target);
            allocator.take(Input::Verdict(target, verdict), ctx);
        });
    }

    fn arm_timer(&mut self, now: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let decide = |allocator: &mut Self, ctx: &mut Context<Self>| allocator.take(Input::TimePassed, ctx);
        let next = self.decider.next_change();
        self.timer = next.map(|at| ctx.run_later(at.saturating_sub(now), decide));
    }

    fn end_grace(&mut self, ctx: &mut Context<Self>) {
        let had_plan = self.decider.plan().is_some();
        self.take(Input::GraceOver, ctx);
        if had_plan || self.decider.plan().is_none() {
            return;
        }
        for pool in self.decider.pools().iter().filter(|pool| !pool.is_known()) {
            warn!(self.log, "metadata unavailable, serving saved assignments"; "service" => %pool.service());
        }
    }

    fn save(&self, plan: &Arc<Plan>) {
        let Some(saver) = &self.saver else { return };
        let (plan, started) = (Arc::clone(plan), self.started);
        let leftovers = self.decider.leftovers();
        saver.save(move || to_save(&plan, &leftovers, started.elapsed()));
    }
}

/// Ends with the saving. The end of the recording is waited for only a moment then: it may be lost.
async fn both(saving: LocalBoxFuture<'static, ()>, recording: LocalBoxFuture<'static, ()>) {
    match select(saving, recording).await {
        // Either is fine: it has ended, or it takes too long.
        Either::Left(((), recording)) => drop(timeout(LAST_RECORD, recording).await),
        Either::Right(((), saving)) => saving.await,
    }
}

impl<C: Connect> Actor for PortAllocator<C> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(saving) = self.saving.take() {
            ctx.spawn(saving.into_actor(self).map(|(), _, ctx| ctx.stop()));
        }
        ctx.run_later(METADATA_GRACE, Self::end_grace);
    }
}

impl<C: Connect> Handler<ServiceChanged> for PortAllocator<C> {
    type Result = ();

    fn handle(&mut self, changed: ServiceChanged, ctx: &mut Context<Self>) {
        self.take(Input::ServiceChanged(changed), ctx);
    }
}

impl<C: Connect> Handler<ReportAllocation> for PortAllocator<C> {
    type Result = AllocationReport;

    fn handle(&mut self, _: ReportAllocation, _: &mut Context<Self>) -> AllocationReport {
        self.decider.report(self.started)
    }
}

impl<C: Connect> Handler<ReleasePort> for PortAllocator<C> {
    type Result = Option<Hold>;

    fn handle(&mut self, ReleasePort { port, uid }: ReleasePort, ctx: &mut Context<Self>) -> Option<Hold> {
        let hold = self.decider.hold(port)?;
        info!(self.log, "port released by a person"; "port" => port, "held" => hold.kind(), "uid" => uid);
        self.take(Input::Released(port), ctx);
        Some(hold)
    }
}

impl<C: Connect> Handler<Shutdown> for PortAllocator<C> {
    type Result = ();

    /// The actor stops once the work of the saver and the recorder has ended.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.saver = None;
        self.recorder = None;
    }
}
