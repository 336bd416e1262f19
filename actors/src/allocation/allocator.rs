//! The actor that remembers assignments and turns snapshots into plans.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::zip,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
};
use slog::{Logger, error, info, warn};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    AllocatorSettings, Plan, Probe, SavedState, StateError, StateStore,
    pool::Pool,
    report::{report, report_differences},
    takeover::Successor,
};
use crate::{
    episode::Episode,
    in_flight::InFlight,
    messages::{AllocationReport, PlanChanged, ReportAllocation, ServiceChanged, Shutdown},
    outbox::Outbox,
};

/// How long a start waits for the metadata before the remembered assignments serve. Serving them at once
/// could lead a port to an address that was given to another container meanwhile.
const METADATA_GRACE: Duration = Duration::from_millis(500);

/// How soon a plan is saved: what it changes is done first, since that is what clients wait for.
const SAVE_DELAY: Duration = Duration::from_millis(5);

/// How soon a failed save is tried again.
const SAVE_RETRY: Duration = Duration::from_secs(5);

/// How soon a container that was not reached is tried again: most accept connections within a second.
const FIRST_PROBE_PAUSE: Duration = Duration::from_millis(20);
const MAX_PROBE_PAUSE: Duration = Duration::from_millis(500);
/// How many are tried at the same time: each takes a descriptor, and up to a second.
const MAX_PROBES: usize = 64;

/// Gives each container its slot, remembers who has which across restarts, and tells the writer and the
/// supervisor when the plan differs.
pub struct PortAllocator<S, P> {
    settings: AllocatorSettings,
    store: Rc<S>,
    probe: Rc<P>,
    probe_permits: Rc<Semaphore>,
    outboxes: Vec<Outbox<PlanChanged>>,
    pools: Vec<Pool>,
    grace_is_over: bool,
    revision: u64,
    plan: Option<Arc<Plan>>,
    timer: Option<SpawnHandle>,
    probing: BTreeMap<Successor, SpawnHandle>,
    probed_ready: BTreeSet<Successor>,
    saving: InFlight,
    save_timer: Option<SpawnHandle>,
    save_trouble: Episode,
    stopping: bool,
    started: Instant,
    log: Logger,
}

impl<S: StateStore, P: Probe> PortAllocator<S, P> {
    /// An allocator that remembers in `store`, finds out by `probe` who is ready, and tells `receivers`.
    pub fn new(
        settings: AllocatorSettings,
        store: S,
        probe: P,
        receivers: Vec<Recipient<PlanChanged>>,
        log: Logger,
    ) -> Self {
        let started = Instant::now();
        let state = match store.load() {
            Ok(state) => state.unwrap_or_default(),
            Err(trouble) => {
                error!(log, "saved assignments unusable, starting without them";
                    "kind" => trouble.kind(), "error" => %trouble);
                SavedState::default()
            }
        };
        let pools = settings.pools.iter().map(|pool| Pool::restore(pool, &state, &settings)).collect();
        Self {
            settings,
            store: Rc::new(store),
            probe: Rc::new(probe),
            probe_permits: Rc::new(Semaphore::new(MAX_PROBES)),
            outboxes: receivers.into_iter().map(Outbox::new).collect(),
            pools,
            grace_is_over: false,
            revision: state.revision,
            plan: None,
            timer: None,
            probing: BTreeMap::new(),
            probed_ready: BTreeSet::new(),
            saving: InFlight::default(),
            save_timer: None,
            save_trouble: Episode::default(),
            stopping: false,
            started,
            log,
        }
    }

    fn serve_from_memory(&mut self, ctx: &mut Context<Self>) {
        self.grace_is_over = true;
        if self.plan.is_some() || self.pools.iter().all(|pool| !pool.is_known() && pool.is_empty()) {
            return;
        }
        for pool in self.pools.iter().filter(|pool| !pool.is_known()) {
            warn!(self.log, "metadata unavailable, serving saved assignments"; "service" => %pool.service());
        }
        self.publish(ctx);
    }

    fn reassign(&mut self, ctx: &mut Context<Self>) {
        let now = self.started.elapsed();
        for pool in &mut self.pools {
            let growth = pool.decide(&self.settings, &self.probed_ready, self.plan.is_some(), now);
            report(&self.log, pool, growth, now);
        }
        self.arm_timer(now, ctx);
        self.probe_successors(ctx);
        if self.grace_is_over || self.pools.iter().all(Pool::is_known) {
            self.publish(ctx);
        }
    }

    /// A container that waits for a tombstone to end gets its slot when it does; what is held is freed in time.
    fn arm_timer(&mut self, now: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let next = self.pools.iter().filter_map(Pool::next_change).min();
        self.timer = next.map(|at| ctx.run_later(at.saturating_sub(now), Self::reassign));
    }

    /// Connects to each successor again and again until it accepts, or is none any more.
    fn probe_successors(&mut self, ctx: &mut Context<Self>) {
        let successors: BTreeSet<_> = self.pools.iter().flat_map(Pool::successors).cloned().collect();
        self.probing.retain(|successor, probing| {
            let is_successor = successors.contains(successor);
            if !is_successor {
                ctx.cancel_future(*probing);
            }
            is_successor
        });
        // One that was ready has taken over by now; if it has not, it has to show that it is ready anew.
        self.probed_ready.clear();
        let newly = successors.into_iter().filter(|successor| !self.probing.contains_key(successor));
        for successor in newly.collect::<Vec<_>>() {
            let ready =
                until_ready(Rc::clone(&self.probe), Rc::clone(&self.probe_permits), successor.backend);
            let probed = successor.clone();
            let probing = ctx.spawn(ready.into_actor(self).map(move |(), allocator, ctx| {
                allocator.probing.remove(&probed);
                allocator.probed_ready.insert(probed);
                allocator.reassign(ctx);
            }));
            self.probing.insert(successor, probing);
        }
    }

    fn publish(&mut self, ctx: &mut Context<Self>) {
        let mappings: Vec<_> = self.pools.iter().map(|pool| pool.plan(&self.settings)).collect();
        // Every plan has all mappings, in the order of the settings.
        let is_no_news =
            |plan: &Arc<Plan>| zip(&mappings, &plan.mappings).all(|(m, old)| m.is_no_news_after(old));
        if self.plan.as_ref().is_some_and(is_no_news) {
            return;
        }
        self.revision = self.revision.saturating_add(1);
        let plan = Arc::new(Plan { revision: self.revision, mappings });
        self.outboxes.iter().for_each(|outbox| outbox.post(PlanChanged(Arc::clone(&plan))));
        // Clients wait for what the plan changes, not for the log.
        report_differences(&self.log, self.plan.as_deref(), &plan, &self.pools);
        self.plan = Some(plan);
        if let Some(earlier) = self.save_timer.take() {
            ctx.cancel_future(earlier);
        }
        self.save_timer = Some(ctx.run_later(SAVE_DELAY, Self::save));
    }

    /// Saves what is newest; while a save is in flight, only the newest waits. A disk that refuses never
    /// holds back a plan: what is lost is only the memory for the next start.
    fn save(&mut self, ctx: &mut Context<Self>) {
        if let Some(retry) = self.save_timer.take() {
            ctx.cancel_future(retry);
        }
        if !self.saving.begin() {
            return;
        }
        let saved = self.store.save(self.to_save());
        ctx.spawn(saved.into_actor(self).map(|saved, allocator, ctx| {
            allocator.note_saved(saved, ctx);
            if allocator.saving.end() {
                allocator.save(ctx);
            } else if allocator.stopping {
                ctx.stop();
            }
        }));
    }

    fn note_saved(&mut self, saved: Result<(), StateError>, ctx: &mut Context<Self>) {
        let now = Instant::now();
        match saved {
            Ok(()) => {
                if let Some(ended) = self.save_trouble.succeeded(now) {
                    info!(self.log, "assignments are saved again"; "lasted_ms" => ended.lasted.as_millis() as u64);
                }
            }
            Err(trouble) => {
                self.save_timer = Some(ctx.run_later(SAVE_RETRY, Self::save));
                if self.save_trouble.failed(trouble.kind(), now) {
                    error!(self.log, "assignments cannot be saved, a restart would not know them";
                        "kind" => trouble.kind(), "error" => %trouble);
                }
            }
        }
    }

    fn to_save(&self) -> SavedState {
        let now = self.started.elapsed();
        let mappings = self.pools.iter().map(|pool| pool.to_save(now));
        SavedState { revision: self.revision, mappings: mappings.collect() }
    }
}

/// Probes until a connection is accepted.
async fn until_ready<P: Probe>(probe: Rc<P>, permits: Rc<Semaphore>, address: SocketAddr) {
    let mut pause = FIRST_PROBE_PAUSE;
    while !reaches(probe.as_ref(), &permits, address).await {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PROBE_PAUSE);
    }
}

/// Tries it once, when it is its turn.
async fn reaches<P: Probe>(probe: &P, permits: &Semaphore, address: SocketAddr) -> bool {
    let _permit = permits.acquire().await;
    probe.reaches(address).await
}

impl<S: StateStore, P: Probe> Actor for PortAllocator<S, P> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(METADATA_GRACE, Self::serve_from_memory);
    }
}

impl<S: StateStore, P: Probe> Handler<ServiceChanged> for PortAllocator<S, P> {
    type Result = ();

    fn handle(&mut self, ServiceChanged { service, snapshot }: ServiceChanged, ctx: &mut Context<Self>) {
        let now = self.started.elapsed();
        for pool in self.pools.iter_mut().filter(|pool| *pool.service() == service) {
            pool.take(Arc::clone(&snapshot), &self.settings, now);
        }
        self.reassign(ctx);
    }
}

impl<S: StateStore, P: Probe> Handler<ReportAllocation> for PortAllocator<S, P> {
    type Result = AllocationReport;

    fn handle(&mut self, _: ReportAllocation, _: &mut Context<Self>) -> AllocationReport {
        let now = self.started.elapsed();
        let holds = || self.pools.iter().filter_map(Pool::held);
        AllocationReport {
            held_ports: holds().flat_map(|(ports, _)| ports).collect(),
            held_for: holds().map(|(_, until)| until.saturating_sub(now)).min(),
        }
    }
}

impl<S: StateStore, P: Probe> Handler<Shutdown> for PortAllocator<S, P> {
    type Result = ();

    /// What is being saved, or is still to be, is saved to its end.
    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        self.stopping = true;
        if self.save_timer.is_some() {
            self.save(ctx);
        } else if self.saving.is_idle() {
            ctx.stop();
        }
    }
}
