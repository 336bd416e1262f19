//! A live HAProxy that cannot be talked to is made to let go of its ports.

use std::time::Duration;

use actix::{AsyncContext, Context};
use rustix::process::Signal;
use slog::{error, warn};
use tokio::time::Instant;

use super::{
    super::{
        generations::Role,
        process::HaproxyHost,
        runtime_api::{NoAnswer, RuntimeApi},
    },
    Activity, HaproxySupervisor,
};

/// A HAProxy that ends, or drains, lets go of its ports within milliseconds.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// A live HAProxy that cannot be talked to is none: it can be told of no change, and no successor can take over
    /// from it. But its connections may be in order. The next step waits until its ports are free.
    pub(super) fn give_up_live(&mut self, number: u64, trouble: &NoAnswer, ctx: &mut Context<Self>) {
        let log = self.log.new(slog::o!("generation" => number, "error" => trouble.to_string()));
        match trouble {
            NoAnswer::NotListening { .. } => {
                // It is ending, or drains since somebody else has told it to.
                warn!(log, "haproxy listens no more, it is replaced");
                self.generations.turn(number, Role::Draining);
            }
            NoAnswer::Io { .. } | NoAnswer::TimedOut { .. } => {
                error!(log, "haproxy does not answer, it drains and is replaced");
                self.drain(number);
            }
        }
        self.activity = Activity::Releasing;
        let until = Instant::now() + RELEASE_LIMIT;
        ctx.run_later(LOOK, move |supervisor, ctx| supervisor.await_release(number, until, ctx));
    }

    fn await_release(&mut self, number: u64, until: Instant, ctx: &mut Context<Self>) {
        if !matches!(self.activity, Activity::Releasing) {
            return;
        }
        let held = self.generations.get(number).into_iter().flat_map(|generation| &generation.slots);
        let mut held = held.filter(|(_, slot)| slot.is_open).map(|(port, _)| *port);
        if self.host.unbindable(&mut held).is_empty() {
            self.activity = Activity::Idle;
            self.advance(ctx);
        } else if Instant::now() < until {
            ctx.run_later(LOOK, move |supervisor, ctx| supervisor.await_release(number, until, ctx));
        } else {
            error!(self.log, "haproxy does not let go of its ports, it is killed"; "generation" => number);
            self.activity = Activity::Idle;
            self.end(number, Signal::KILL);
        }
    }
}
