//! Taking one step: a new generation starts, serves, and the old one drains.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use rustix::process::Signal;
use slog::{info, o};
use tokio::time::Instant;

use super::{
    super::{
        bring_up::bring_up,
        generations::Role,
        process::{HaproxyHost, Launch, Record},
        runtime_api::RuntimeApi,
        slots::slots_of,
        steps::Step,
    },
    Activity, HaproxySupervisor,
    repairing::FailedStep,
};
use crate::{config::HaproxyConfig, in_ms::in_ms};

/// After this long without a death or a failed step, however many handovers there were, the record is clean.
const HEALTHY: Duration = Duration::from_secs(30);

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    pub(super) fn start_generation(
        &mut self,
        config: Arc<HaproxyConfig>,
        step: Step,
        ctx: &mut Context<Self>,
    ) {
        let number = self.generations.next_number();
        let inherit = self.generations.live().map(|(live, _)| live);
        let launch = Launch { generation: number, config: Arc::clone(&config), inherit };
        let running = match self.host.launch(&launch) {
            Ok(running) => running,
            Err(reason) => {
                self.host.forget(number);
                return self
                    .repair(Some(FailedStep::Start { generation: number, reason: reason.to_string() }), ctx);
            }
        };
        let free =
            config.routes.iter().filter(|(_, server)| server.is_none()).map(|(port, _)| *port).collect();
        let ready = bring_up(Rc::clone(&self.api), self.host.socket(number), running.pid, free);
        let record = Record { revision: config.revision, frame: config.frame.clone() };
        self.watch(number, running, Role::Starting, Some(record), slots_of(&config), ctx);
        let future = ctx.spawn(ready.into_actor(self).map(move |ready, supervisor, ctx| {
            // It may have ended in the very moment in which this was ready.
            if !matches!(supervisor.activity, Activity::BringingUp { .. }) {
                return;
            }
            match ready {
                Ok(()) => supervisor.promote(number, &config, ctx),
                Err(reason) => {
                    supervisor.activity = Activity::Failing { reason: reason.to_string() };
                    supervisor.end(number, Signal::KILL);
                }
            }
        }));
        self.activity = Activity::BringingUp { future, step, since: Instant::now() };
    }

    /// The new generation serves: the old one drains.
    fn promote(&mut self, number: u64, config: &HaproxyConfig, ctx: &mut Context<Self>) {
        if let Some((old, _)) = self.generations.live() {
            self.drain(old);
        }
        let Some(new) = self.generations.turn(number, Role::Live) else { return };
        info!(self.log, "haproxy serves"; "generation" => number, "haproxy_pid" => new.pid);
        self.note_asked();
        self.failure = None;
        if let Activity::BringingUp { step, since, .. } =
            std::mem::replace(&mut self.activity, Activity::Idle)
        {
            self.note_applied(config, &step, since.elapsed());
        }
        // Whatever is being seen is of the old one.
        self.look = None;
        self.reconcile(ctx);
        self.health_timer.get_or_insert_with(|| {
            ctx.run_later(HEALTHY, |supervisor, _| {
                supervisor.health_timer = None;
                supervisor.backoff.reset();
                supervisor.fallback_backoff.reset();
            })
        });
        self.advance(ctx);
    }

    pub(super) fn note_applied(&mut self, config: &HaproxyConfig, step: &Step, took: Duration) {
        if self.applied == config.revision && *step == Step::Nothing {
            return;
        }
        self.applied = config.revision;
        let log = match step {
            Step::Changes(changes) => self.log.new(o!("changes" => changes.len())),
            Step::Handover(reason) => {
                self.log.new(o!("kind" => reason.kind(), "reason" => reason.to_string()))
            }
            Step::Nothing | Step::Wait | Step::Start => self.log.clone(),
        };
        info!(log, "plan applied"; "revision" => config.revision, "step" => step.name(),
            "mapped" => config.mapped, "free" => config.free(), "withheld" => config.withheld.len(),
            "took_ms" => in_ms(took));
    }

    /// Takes the next step later; tells when.
    pub(super) fn back_off(&mut self, ctx: &mut Context<Self>) -> Duration {
        let pause = self.note_failure(ctx);
        self.pause(pause, ctx)
    }

    /// Tells how long the next step should wait.
    pub(super) fn note_failure(&mut self, ctx: &mut Context<Self>) -> Duration {
        self.spoil_record(ctx);
        self.backoff.next_pause(&mut self.rng)
    }

    /// The record does not become clean before another one has got to serve.
    pub(super) fn spoil_record(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.health_timer.take() {
            ctx.cancel_future(timer);
        }
    }

    pub(super) fn pause(&mut self, pause: Duration, ctx: &mut Context<Self>) -> Duration {
        let until = ctx.run_later(pause, |supervisor, ctx| {
            if matches!(supervisor.activity, Activity::BackingOff { .. }) {
                supervisor.activity = Activity::Idle;
                supervisor.advance(ctx);
            }
        });
        self.activity = Activity::BackingOff { until };
        pause
    }
}
