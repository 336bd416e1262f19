//! Taking one step: a new generation starts, serves, and the old one drains.

use std::{rc::Rc, sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use rustix::process::Signal;
use slog::{error, info};
use tokio::time::Instant;

use super::{
    super::{
        bring_up::{bring_up, repair},
        generations::Role,
        process::{HaproxyHost, Launch},
        runtime_api::{Command, RuntimeApi},
        steps::Step,
    },
    Activity, HaproxySupervisor,
};
use crate::config::HaproxyConfig;

/// A HAProxy that has lived this long starts with a clean record.
const HEALTHY: Duration = Duration::from_secs(30);

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    pub(super) fn take_step(&mut self, config: Arc<HaproxyConfig>, step: Step, ctx: &mut Context<Self>) {
        let number = self.generations.next_number();
        let inherit = self.generations.live().map(|(live, _)| live);
        let launch = Launch { generation: number, config: Arc::clone(&config), inherit };
        let running = match self.host.launch(&launch) {
            Ok(running) => running,
            Err(reason) => {
                self.host.forget(number);
                return self.note_failed_step(number, &reason.to_string(), ctx);
            }
        };
        let free = config.free.iter().copied().collect();
        let ready = bring_up(Rc::clone(&self.api), self.host.socket(number), running.pid, free);
        self.watch(number, running, Role::Starting, Some(config), ctx);
        let future = ctx.spawn(ready.into_actor(self).map(move |ready, supervisor, ctx| match ready {
            Ok(()) => supervisor.promote(number, ctx),
            Err(reason) => {
                supervisor.end(number, Signal::KILL);
                supervisor.note_failed_step(number, &reason.to_string(), ctx);
            }
        }));
        self.activity = Activity::BringingUp { future, step, since: Instant::now() };
    }

    /// The new generation serves: the old one drains.
    fn promote(&mut self, number: u64, ctx: &mut Context<Self>) {
        if let Some((old, _)) = self.generations.live() {
            self.drain(old);
        }
        let Some(new) = self.generations.turn(number, Role::Live) else { return };
        let (pid, config) = (new.pid, new.config.clone());
        info!(self.log, "haproxy serves"; "generation" => number, "haproxy_pid" => pid);
        if let Activity::BringingUp { step, since, .. } =
            std::mem::replace(&mut self.activity, Activity::Idle)
        {
            config.iter().for_each(|config| self.note_applied(config, step, since.elapsed()));
        }
        ctx.run_later(HEALTHY, move |supervisor, _| {
            if supervisor.generations.live().is_some_and(|(live, _)| live == number) {
                supervisor.backoff.reset();
            }
        });
        self.advance(ctx);
    }

    pub(super) fn note_applied(&mut self, config: &HaproxyConfig, step: Step, took: Duration) {
        if self.applied == config.revision && step == Step::Nothing {
            return;
        }
        self.applied = config.revision;
        info!(self.log, "plan applied"; "revision" => config.revision, "step" => step.name(),
            "mapped" => config.servers.len(), "free" => config.free.len(), "withheld" => config.withheld.len(),
            "took_ms" => took.as_millis() as u64);
    }

    /// The new generation did not get to serve; the old one, if there is one, serves on.
    pub(super) fn note_failed_step(&mut self, number: u64, reason: &str, ctx: &mut Context<Self>) {
        let live = self.generations.live().map(|(live, generation)| (live, generation.config.clone()));
        if let Some((live, Some(config))) = &live {
            self.close_free_ports(*live, repair(config.free.iter().copied()), ctx);
        }
        let retry = self.back_off(ctx);
        error!(self.log, "haproxy did not get to serve"; "generation" => number, "error" => reason,
            "revision" => self.on_disk.as_ref().map(|on_disk| on_disk.config.revision),
            "old_one_serves" => live.is_some(),
            "retry_ms" => retry.as_millis() as u64);
    }

    /// Takes the next step later; tells when.
    pub(super) fn back_off(&mut self, ctx: &mut Context<Self>) -> Duration {
        let pause = self.backoff.next_pause(&mut self.rng);
        let until = ctx.run_later(pause, |supervisor, ctx| {
            supervisor.activity = Activity::Idle;
            supervisor.advance(ctx);
        });
        self.activity = Activity::BackingOff { until };
        pause
    }

    /// Commands whose failure is worth a line and changes nothing else.
    pub(super) fn close_free_ports(&self, number: u64, commands: Vec<Command>, ctx: &mut Context<Self>) {
        let replies = self.api.run(self.host.socket(number), commands);
        ctx.spawn(replies.into_actor(self).map(move |replies, supervisor, _| {
            if let Err(trouble) = replies {
                error!(supervisor.log, "free ports may be open until the next handover";
                    "generation" => number, "error" => %trouble);
            }
        }));
    }
}
