//! The actor that turns snapshots into plans.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, iter::zip, sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
};
use futures_util::{FutureExt, future::LocalBoxFuture};
use slog::{Logger, error, info, warn};
use tokio::time::Instant;

use super::{
    AllocatorSettings, Hold, Plan,
    memory::to_save,
    own_listeners::own_listeners,
    pool::{Around, Pool},
    report::{report, report_differences},
};
use crate::{
    messages::{AllocationReport, PlanChanged, ReleasePort, ReportAllocation, ServiceChanged, Shutdown},
    probing::{Connect, Prober, Target, Verdict},
    reports_changed::ReportsChanged,
    state::{SavedState, Saver, StateStore},
};

/// How long a start waits for the metadata before the saved assignments serve. Serving them at once
/// could lead a port to an address that was given to another container meanwhile.
const METADATA_GRACE: Duration = Duration::from_millis(500);

/// Decides when something may have changed, publishes the plan when it differs, and has it saved.
pub struct PortAllocator<C> {
    settings: AllocatorSettings,
    receivers: Vec<Recipient<PlanChanged>>,
    pools: Vec<Pool>,
    plan: Option<Arc<Plan>>,
    revision: u64,
    is_grace_over: bool,
    /// Decides when the passing of time alone may change something.
    timer: Option<SpawnHandle>,
    prober: Prober<C>,
    /// `None` once it is to end.
    saver: Option<Saver>,
    /// The saver's work, until the actor starts.
    saving: Option<LocalBoxFuture<'static, ()>>,
    reports_changed: ReportsChanged,
    started: Instant,
    log: Logger,
}

impl<C: Connect> PortAllocator<C> {
    /// An allocator that loads its state from `store` and saves it there, finds out by `connect` which successors are
    /// ready and which missing containers are still there, and sends its plans to `receivers`.
    pub fn new<S: StateStore>(
        settings: AllocatorSettings,
        store: S,
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
        let (saver, saving) = Saver::new(store, log.clone());
        Self {
            receivers,
            pools: settings.pools.iter().map(|pool| Pool::restore(pool, &state, &settings)).collect(),
            plan: None,
            revision: state.revision,
            is_grace_over: false,
            timer: None,
            prober: Prober::new(connect),
            saver: Some(saver),
            saving: Some(saving.boxed_local()),
            reports_changed: ReportsChanged::default(),
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

    fn end_grace(&mut self) {
        self.is_grace_over = true;
        if self.plan.is_some() || self.pools.iter().all(|pool| !pool.is_known() && pool.is_empty()) {
            return;
        }
        for pool in self.pools.iter().filter(|pool| !pool.is_known()) {
            warn!(self.log, "metadata unavailable, serving saved assignments"; "service" => %pool.service());
        }
        self.publish();
        self.reports_changed.note();
    }

    /// Runs all rules for all pools.
    fn decide(&mut self, probed_ready: &BTreeSet<Target>, ctx: &mut Context<Self>) {
        let now = self.started.elapsed();
        let around = self.around();
        let decide = |pool: &mut Pool| pool.decide(&self.settings, probed_ready, &around, now);
        let growths: Vec<_> = self.pools.iter_mut().map(decide).collect();
        if self.is_grace_over || self.pools.iter().all(Pool::is_known) {
            self.publish();
        }
        self.arm_timer(now, ctx);
        self.probe(ctx);
        zip(&mut self.pools, growths).for_each(|(pool, growth)| report(&self.log, pool, growth, now));
        self.reports_changed.note();
    }

    fn around(&self) -> Around {
        let has_absences = self.pools.iter().any(Pool::has_absences);
        let listed = self.pools.iter().filter(|_| has_absences).flat_map(Pool::listed).collect();
        let ports: Vec<_> = self.pools.iter().map(Pool::ports).collect();
        let backends = self.pools.iter().flat_map(Pool::backends);
        let is_local = |address| self.prober.is_local(address);
        let own_listeners = own_listeners(self.settings.listen, &ports, backends, is_local);
        Around { listed, own_listeners }
    }

    /// Has the containers probed on which the next decision may depend.
    fn probe(&mut self, ctx: &mut Context<Self>) {
        let successors: BTreeSet<_> = self.pools.iter().flat_map(Pool::successors).cloned().collect();
        self.prober.follow_successors(successors, ctx, |allocator, successor, (), ctx| {
            allocator.prober.note_ready(&successor);
            allocator.decide(&[successor].into(), ctx);
        });
        let lingering: BTreeSet<_> = self.pools.iter().flat_map(Pool::lingering).collect();
        self.prober.follow_lingering(lingering, ctx, |allocator, target, verdict, ctx| {
            allocator.prober.note_verdict(&target);
            allocator.note_verdict(&target, verdict);
            allocator.decide(&[].into(), ctx);
        });
    }

    fn note_verdict(&mut self, target: &Target, verdict: Verdict) {
        let now = self.started.elapsed();
        self.pools.iter_mut().for_each(|pool| pool.note_verdict(target, verdict, now));
    }

    fn arm_timer(&mut self, now: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let next = self.pools.iter().filter_map(Pool::next_change).min();
        let decide = |allocator: &mut Self, ctx: &mut Context<Self>| allocator.decide(&[].into(), ctx);
        self.timer = next.map(|at| ctx.run_later(at.saturating_sub(now), decide));
    }

    fn publish(&mut self) {
        let mappings: Vec<_> = self.pools.iter().map(|pool| pool.plan(&self.settings)).collect();
        // Every plan has all mappings, in the order of the settings.
        let is_no_news =
            |plan: &Arc<Plan>| zip(&mappings, &plan.mappings).all(|(m, old)| m.is_no_news_after(old));
        if self.plan.as_ref().is_some_and(is_no_news) {
            return;
        }
        self.revision = self.revision.saturating_add(1);
        let plan = Arc::new(Plan { revision: self.revision, mappings });
        self.receivers.iter().for_each(|receiver| receiver.do_send(PlanChanged(Arc::clone(&plan))));
        // Clients wait for what the plan changes, not for the log and the disk.
        report_differences(&self.log, self.plan.as_deref(), &plan, &self.pools);
        self.save(&plan);
        self.plan = Some(plan);
    }

    fn save(&self, plan: &Arc<Plan>) {
        let Some(saver) = &self.saver else { return };
        let (plan, started) = (Arc::clone(plan), self.started);
        let leftovers: Vec<_> = self.pools.iter().map(Pool::leftovers).collect();
        saver.save(move || to_save(&plan, &leftovers, started.elapsed()));
    }
}

impl<C: Connect> Actor for PortAllocator<C> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(saving) = self.saving.take() {
            ctx.spawn(saving.into_actor(self).map(|(), _, ctx| ctx.stop()));
        }
        ctx.run_later(METADATA_GRACE, |allocator, _| allocator.end_grace());
    }
}

impl<C: Connect> Handler<ServiceChanged> for PortAllocator<C> {
    type Result = ();

    fn handle(&mut self, changed: ServiceChanged, ctx: &mut Context<Self>) {
        let ServiceChanged { service, snapshot, proof_age } = changed;
        let now = self.started.elapsed();
        for pool in self.pools.iter_mut().filter(|pool| *pool.service() == service) {
            pool.take(Arc::clone(&snapshot), proof_age, &self.settings, now);
        }
        self.decide(&[].into(), ctx);
    }
}

impl<C: Connect> Handler<ReportAllocation> for PortAllocator<C> {
    type Result = AllocationReport;

    fn handle(&mut self, _: ReportAllocation, _: &mut Context<Self>) -> AllocationReport {
        let report = |pool: &Pool| pool.report(&self.settings, self.started);
        AllocationReport { plan: self.plan.clone(), pools: self.pools.iter().map(report).collect() }
    }
}

impl<C: Connect> Handler<ReleasePort> for PortAllocator<C> {
    type Result = Option<Hold>;

    fn handle(&mut self, ReleasePort { port, uid }: ReleasePort, ctx: &mut Context<Self>) -> Option<Hold> {
        let now = self.started.elapsed();
        let hold = self.pools.iter_mut().find_map(|pool| pool.release(port, &self.settings, now))?;
        info!(self.log, "port released by a person"; "port" => port, "held" => hold.kind(), "uid" => uid);
        self.decide(&[].into(), ctx);
        Some(hold)
    }
}

impl<C: Connect> Handler<Shutdown> for PortAllocator<C> {
    type Result = ();

    /// The actor stops once the saver's work has ended.
    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.saver = None;
    }
}
