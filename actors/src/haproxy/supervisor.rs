//! The actor that owns HAProxy.

mod adopting;
mod applying;
mod asking_again;
mod ports;
mod reconciling;
mod releasing;
mod repairing;
mod reporting;
mod stepping;
mod stopping;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture};
use slog::{Logger, debug, error};
use tokio::time::Instant;

use self::{reconciling::Look, repairing::FailedStep};
use super::{
    OnLeave,
    generations::{Generation, Generations, Role},
    process::{HaproxyHost, Record, Running},
    runtime_api::RuntimeApi,
    slots::Slots,
    steps::{Step, next_step},
};
use crate::{
    backoff::{Backoff, FirstRetry},
    messages::{ConfigWritten, Leave, PlanChanged, WithholdPorts},
    outage::Outage,
};

/// A HAProxy that keeps failing needs a person; retries must not bury what it says.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// A handover instead of changes at runtime is no failure, but a process more.
const LONGEST_FALLBACK_RETRY: Duration = Duration::from_secs(2);

/// How HAProxy is supervised.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorSettings {
    /// How long connections may take to end by themselves when stalls stops.
    pub drain: Duration,
    /// How often the live HAProxy is compared with the plan.
    pub reconcile: Duration,
    /// What becomes of the connections to a container that leaves its port.
    pub on_leave: OnLeave,
    /// Seeds the jitter of restarts.
    pub seed: u64,
}

/// Brings HAProxy from what is live to the newest configuration on disk, one step at a time, and starts it
/// again when it dies. What is live is looked at every now and then, since others may change it too.
///
/// It acts on a plan only once the same or a newer revision is on disk. While a step is under way, only the
/// newest configuration waits.
pub struct HaproxySupervisor<H, A> {
    settings: SupervisorSettings,
    host: H,
    api: Rc<A>,
    writer: Recipient<WithholdPorts>,
    /// Revision of the newest plan.
    planned: u64,
    on_disk: Option<ConfigWritten>,
    /// Whether what is on disk is passed over for a newer plan, as long as something serves.
    put_off: bool,
    /// Revision of the newest configuration that is live.
    applied: u64,
    generations: Generations,
    activity: Activity,
    look: Option<Look>,
    /// HAProxy cannot be asked, for want of something here.
    unasked: Outage,
    /// How often changes could not be made at runtime.
    fallbacks: u64,
    /// Why the last HAProxy ended, was given up or did not get to serve, unless one has got to serve since.
    failure: Option<String>,
    withheld: BTreeSet<u16>,
    port_timer: Option<SpawnHandle>,
    health_timer: Option<SpawnHandle>,
    backoff: Backoff,
    fallback_backoff: Backoff,
    rng: fastrand::Rng,
    log: Logger,
}

/// What keeps the supervisor from taking the next step.
enum Activity {
    Idle,
    /// Looking for what an earlier stalls left behind; `then` a stop that was asked for meanwhile, and when.
    Adopting {
        then: Option<(Leave, Instant)>,
    },
    /// The live HAProxy is being told of changes.
    Applying {
        future: SpawnHandle,
    },
    /// A new generation is on its way.
    BringingUp {
        future: SpawnHandle,
        step: Step,
        since: Instant,
    },
    /// A step failed; its process was killed and is not gone yet.
    Failing {
        reason: String,
    },
    /// The ports of the live HAProxy are set right.
    Repairing,
    /// A HAProxy that cannot be talked to is to let go of its ports.
    Releasing,
    /// The last step failed, or HAProxy died or could not be asked; the next is due later.
    BackingOff {
        until: SpawnHandle,
    },
    /// Everything is coming to its end.
    Stopping,
}

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// A supervisor of HAProxies on `host`, reached through `api`, that tells `writer` which ports to leave
    /// out.
    pub fn new(
        settings: SupervisorSettings,
        host: H,
        api: A,
        writer: Recipient<WithholdPorts>,
        log: Logger,
    ) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(settings.seed),
            settings,
            host,
            api: Rc::new(api),
            writer,
            planned: 0,
            on_disk: None,
            put_off: false,
            applied: 0,
            generations: Generations::default(),
            activity: Activity::Idle,
            look: None,
            unasked: Outage::default(),
            fallbacks: 0,
            failure: None,
            withheld: BTreeSet::new(),
            port_timer: None,
            health_timer: None,
            backoff: Backoff::new(FirstRetry::Immediate, LONGEST_RETRY),
            fallback_backoff: Backoff::new(FirstRetry::Immediate, LONGEST_FALLBACK_RETRY),
            log,
        }
    }

    /// Takes the next step, if one is due and none is under way.
    fn advance(&mut self, ctx: &mut Context<Self>) {
        // What is being killed may still hold ports; its end leads back here.
        if !matches!(self.activity, Activity::Idle) || self.generations.any(Role::Dying) {
            return;
        }
        let Some(on_disk) = self.on_disk.clone() else { return };
        if self.put_off && self.generations.live().is_some() {
            return;
        }
        let step = next_step(self.generations.live_state(), &on_disk.config, self.settings.on_leave);
        match step {
            Step::Nothing => {
                self.generations.agree(&on_disk.config);
                self.note_applied(&on_disk.config, &step, Duration::ZERO);
            }
            Step::Wait => error!(self.log, "no port of the pool can be bound, the plan is not applied";
                "revision" => on_disk.config.revision),
            Step::Start => {
                if self.can_bind(&mut on_disk.config.routes.keys().copied(), ctx) {
                    self.start_generation(on_disk.config, step, ctx);
                }
            }
            Step::Handover(_) => {
                if self.can_bind(&mut self.ports_to_take(&on_disk.config).into_iter(), ctx) {
                    self.start_generation(on_disk.config, step, ctx);
                }
            }
            // HAProxy itself finds out whether somebody else has taken a free port.
            Step::Changes(changes) => self.apply_changes(on_disk.config, changes, ctx),
        }
    }

    /// Keeps a process in the books from now to its end.
    fn watch(
        &mut self,
        number: u64,
        running: Running,
        role: Role,
        record: Option<Record>,
        slots: Slots,
        ctx: &mut Context<Self>,
    ) {
        let (revision, frame) = record.map(|record| (record.revision, record.frame)).unzip();
        let pid = running.pid;
        self.generations
            .insert(number, Generation { pid, role, revision, frame, slots, agreed: None, disagrees: None });
        let ended = running.ended.into_actor(self);
        ctx.spawn(ended.map(move |how, supervisor, ctx| supervisor.note_ended(number, &how, ctx)));
    }

    fn note_ended(&mut self, number: u64, how: &str, ctx: &mut Context<Self>) {
        let Some(ended) = self.generations.remove(number) else { return };
        self.host.forget(number);
        if ended.role == Role::Live {
            self.failure = Some(died(how));
        }
        let log = self.log.new(slog::o!("generation" => number, "haproxy_pid" => ended.pid,
            "revision" => ended.revision, "how" => how.to_owned()));
        match (&self.activity, ended.role) {
            (Activity::Stopping, _) => {
                debug!(log, "haproxy ended");
                self.stop_once_all_ended(ctx);
            }
            (Activity::BringingUp { future, .. }, Role::Starting) => {
                ctx.cancel_future(*future);
                self.repair(Some(FailedStep::Start { generation: number, reason: how.to_owned() }), ctx);
            }
            (Activity::Failing { reason }, Role::Dying) => {
                let reason = reason.clone();
                self.repair(Some(FailedStep::Start { generation: number, reason }), ctx);
            }
            (Activity::Idle, Role::Dying) => {
                debug!(log, "haproxy ended");
                self.advance(ctx);
            }
            (Activity::Idle | Activity::Applying { .. }, Role::Live) => {
                if let Activity::Applying { future } = self.activity {
                    ctx.cancel_future(future);
                }
                let retry = self.back_off(ctx);
                error!(log, "haproxy died"; "retry_ms" => retry.as_millis() as u64);
            }
            (Activity::BackingOff { until }, Role::Live) => {
                error!(log, "haproxy died"; "retry_ms" => 0);
                // What waited was a handover. Now nothing serves.
                ctx.cancel_future(*until);
                self.activity = Activity::Idle;
                self.advance(ctx);
            }
            // The step under way brings the next one.
            (_, Role::Live) => error!(log, "haproxy died"; "retry_ms" => 0),
            // It may have been given up in the very moment in which it died, since it did not answer any more.
            (_, Role::Draining) if how.starts_with("signal ") => {
                if self.generations.live().is_none() {
                    self.failure = Some(died(how));
                }
                error!(log, "haproxy died"; "drained" => true);
            }
            _ => debug!(log, "haproxy ended"),
        }
    }
}

fn died(how: &str) -> String {
    format!("haproxy died: {how}")
}

impl<H: HaproxyHost, A: RuntimeApi> Actor for HaproxySupervisor<H, A> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.adopt(ctx);
        ctx.run_interval(self.settings.reconcile, Self::reconcile);
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<PlanChanged> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, PlanChanged(plan): PlanChanged, _: &mut Context<Self>) {
        self.planned = plan.revision;
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<ConfigWritten> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, written: ConfigWritten, ctx: &mut Context<Self>) {
        // When a newer plan is on its way to the disk, a step for this one would be made in vain. But only every
        // other one is put off, or plans that keep coming would keep all of them from being applied.
        self.put_off = written.covers < self.planned && !self.put_off;
        self.on_disk = Some(written);
        self.advance(ctx);
    }
}
