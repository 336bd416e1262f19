//! A live HAProxy that cannot be talked to is made to let go of its ports.

use std::{collections::BTreeSet, time::Duration};

use actix::{AsyncContext, Context};
use rustix::process::Signal;
use slog::{error, warn};
use tokio::time::Instant;

use super::{
    super::{
        generations::Generation,
        ports::Unbindable,
        process::HaproxyHost,
        runtime_api::{NoAnswer, RuntimeApi},
        slots::Slot,
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
        let (hangs, failure) = match trouble {
            NoAnswer::Unasked { .. } => {
                self.note_unasked(number, trouble);
                return self.ask_again_later(ctx);
            }
            // It is ending, or drains since somebody else has told it to; or only its socket's file is gone.
            NoAnswer::NotListening { .. } => {
                warn!(log, "haproxy listens no more, it is replaced");
                (false, "haproxy listens no more")
            }
            NoAnswer::Io { .. } | NoAnswer::TimedOut { .. } => {
                error!(log, "haproxy does not answer, it drains and is replaced");
                (true, "haproxy does not answer")
            }
        };
        self.failure = Some(failure.into());
        self.tell_to_drain(number);
        self.activity = Activity::Releasing;
        let until = Instant::now() + RELEASE_LIMIT;
        ctx.run_later(LOOK, move |supervisor, ctx| supervisor.await_release(number, hangs, until, ctx));
    }

    fn await_release(&mut self, number: u64, hangs: bool, until: Instant, ctx: &mut Context<Self>) {
        if !matches!(self.activity, Activity::Releasing) {
            return;
        }
        let has_ended = self.generations.get(number).is_none();
        let held = self.ports_held_by(number, hangs);
        // Of one that has been adopted and hangs no port may be known.
        let has_let_go = has_ended || !(hangs && held.is_empty()) && self.unbindable_of(&held).is_empty();
        if has_let_go {
            self.retire(number);
            // The first time that is no pause at all. But each replacement may be as mute as the one before.
            self.back_off(ctx);
        } else if Instant::now() < until {
            ctx.run_later(LOOK, move |supervisor, ctx| supervisor.await_release(number, hangs, until, ctx));
        } else if !hangs && self.has_let_go_of_some(number) {
            // It lets go of all its ports or of none: somebody else has taken the others meanwhile.
            self.retire(number);
            self.back_off(ctx);
        } else {
            error!(self.log, "haproxy does not let go of its ports, it is killed"; "generation" => number);
            self.back_off(ctx);
            self.end(number, Signal::KILL);
        }
    }

    /// Whether a port that a generation listened on can be bound.
    fn has_let_go_of_some(&self, number: u64) -> bool {
        let open = self.ports_of(number, |slot| slot.is_open);
        self.unbindable_of(&open).len() < open.len()
    }

    fn unbindable_of(&self, ports: &BTreeSet<u16>) -> Vec<Unbindable> {
        self.host.unbindable(&mut ports.iter().copied())
    }

    /// The ports that a generation listens on as far as is known: those that it listened on when it was last seen,
    /// and those that it may have been told to open since. Which ones somebody else has told one that hangs to open
    /// will never be seen.
    fn ports_held_by(&self, number: u64, hangs: bool) -> BTreeSet<u16> {
        let wanted = self.on_disk.iter().flat_map(|on_disk| on_disk.config.routes.iter());
        let wanted = wanted.filter(|(_, server)| server.is_some()).map(|(port, _)| *port);
        self.ports_of(number, |slot| hangs || slot.is_open).into_iter().chain(wanted).collect()
    }

    /// Those of a generation's ports that are so. Of one that has not been seen since its adoption that may be any.
    fn ports_of(&self, number: u64, is_so: impl Fn(&Slot) -> bool) -> BTreeSet<u16> {
        match self.generations.get(number) {
            Some(Generation { slots, .. }) if !slots.is_empty() => {
                slots.iter().filter(|(_, slot)| is_so(slot)).map(|(port, _)| *port).collect()
            }
            _ => self.on_disk.iter().flat_map(|on_disk| on_disk.config.routes.keys().copied()).collect(),
        }
    }
}
