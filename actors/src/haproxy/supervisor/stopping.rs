//! Bringing HAProxies to their end.

use std::time::Duration;

use actix::{ActorContext, AsyncContext, Context, Handler};
use rustix::process::Signal;
use slog::{debug, warn};
use tokio::time::Instant;

use super::{
    super::{generations::Role, process::HaproxyHost, runtime_api::RuntimeApi},
    Activity, HaproxySupervisor,
};
use crate::messages::{Leave, Shutdown};

/// How long a process may take to end once its connections may be cut.
const END_LIMIT: Duration = Duration::from_secs(1);

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// Listening ends at once; connections may go on.
    pub(super) fn drain(&mut self, number: u64) {
        self.tell_to_drain(number);
        self.retire(number);
    }

    /// Nobody is to talk to it any more.
    pub(super) fn retire(&self, number: u64) {
        if self.generations.get(number).is_some() {
            self.host.retire(number);
        }
    }

    /// As [`drain`](Self::drain), but whether it does so is not sure yet: by its socket the next stalls, should this
    /// one end meanwhile, finds out that it hangs.
    pub(super) fn tell_to_drain(&mut self, number: u64) {
        let Some(generation) = self.generations.turn(number, Role::Draining) else { return };
        self.host.signal(generation.pid, Signal::USR1);
        debug!(self.log, "haproxy drains"; "generation" => number, "haproxy_pid" => generation.pid);
    }

    /// Connections are cut.
    pub(super) fn end(&mut self, number: u64, signal: Signal) {
        if let Some(generation) = self.generations.turn(number, Role::Dying) {
            self.host.signal(generation.pid, signal);
        }
    }

    fn end_all(&mut self, signal: Signal) {
        self.generations.numbers().into_iter().for_each(|number| self.end(number, signal));
    }

    /// What was `asked` for then is done now.
    pub(super) fn stop(&mut self, leave: Leave, asked: Instant, ctx: &mut Context<Self>) {
        match self.activity {
            Activity::BringingUp { future, .. } | Activity::Applying { future } => {
                ctx.cancel_future(future);
            }
            Activity::BackingOff { until } => {
                ctx.cancel_future(until);
            }
            _ => {}
        }
        self.activity = Activity::Stopping;
        for number in self.generations.numbers() {
            if self.generations.get(number).is_some_and(|generation| generation.role == Role::Starting) {
                self.end(number, Signal::KILL);
            }
        }
        match leave {
            Leave::Serving => return ctx.stop(),
            Leave::Drained => self.stop_draining(asked, ctx),
            Leave::Cut => self.stop_cutting(ctx),
        }
        self.stop_once_all_ended(ctx);
    }

    fn stop_draining(&mut self, asked: Instant, ctx: &mut Context<Self>) {
        for number in self.generations.numbers() {
            if self.generations.get(number).is_some_and(|generation| generation.role == Role::Live) {
                self.drain(number);
            }
        }
        ctx.run_later(self.settings.drain.saturating_sub(asked.elapsed()), |supervisor, ctx| {
            warn!(supervisor.log, "drain time is over, connections are cut";
                "connections" => supervisor.connections(), "processes" => supervisor.generations.numbers().len());
            supervisor.stop_cutting(ctx);
        });
    }

    /// How many connections all processes have together; `None` if nobody can tell for one of them.
    fn connections(&self) -> Option<usize> {
        let ports = self.generations.ports();
        let pids = self.generations.all().map(|generation| generation.pid);
        pids.map(|pid| self.host.connections(pid, &ports)).sum()
    }

    fn stop_cutting(&mut self, ctx: &mut Context<Self>) {
        self.end_all(Signal::TERM);
        ctx.run_later(END_LIMIT, |supervisor, _| supervisor.end_all(Signal::KILL));
    }

    pub(super) fn stop_once_all_ended(&mut self, ctx: &mut Context<Self>) {
        if self.generations.is_empty() {
            ctx.stop();
        }
    }
}

impl<H: HaproxyHost, A: RuntimeApi> Handler<Shutdown> for HaproxySupervisor<H, A> {
    type Result = ();

    fn handle(&mut self, Shutdown { haproxy }: Shutdown, ctx: &mut Context<Self>) {
        match &mut self.activity {
            // Whether somebody serves is not known yet; it will be within seconds, of which the drain time is less.
            Activity::Adopting { then } => *then = Some((haproxy, Instant::now())),
            _ => self.stop(haproxy, Instant::now(), ctx),
        }
    }
}
