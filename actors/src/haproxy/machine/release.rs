//! A live HAProxy that cannot be talked to is made to let go of its ports.

use std::{collections::BTreeSet, time::Duration};

use rustix::process::Signal;
use tokio::time::Instant;

use super::{
    Machine, State,
    event::{Effect, Purpose, Timer},
    news::News,
};
use crate::haproxy::{bindable::Unbindable, port_state::PortState, runtime_api::Unavailable};

/// A HAProxy that ends, or drains, lets go of its ports within milliseconds.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Machine {
    /// A live HAProxy that cannot be talked to is none: it can be told of no change, and no successor can take over
    /// from it. But its connections may be in order. The next start waits until its ports are free.
    pub(super) fn give_up_live(&mut self, generation: u64, error: &Unavailable, now: Instant) {
        let listens = match error {
            Unavailable::Exhausted { .. } => {
                self.note_exhausted(generation, error, now);
                return self.resync_later();
            }
            // It is ending, or drains since somebody else has told it to; or only its socket's file is gone.
            Unavailable::NotListening { .. } => false,
            Unavailable::Io { .. } | Unavailable::TimedOut { .. } => true,
        };
        self.say(News::NotAnswering { generation, error: error.to_string(), listens });
        let failure = if listens { "haproxy does not answer" } else { "haproxy runtime API is closed" };
        self.status.failure = Some(failure.into());
        self.tell_to_drain(generation);
        self.state = State::Releasing { generation, hangs: listens, until: now + RELEASE_LIMIT };
        self.effects.push(Effect::Arm(Timer::Release, LOOK_EVERY));
    }

    pub(super) fn look_at_release(&mut self, now: Instant) {
        let State::Releasing { generation, hangs, until } = self.state else { return };
        if self.generations.get(generation).is_none() {
            return self.released(generation, now);
        }
        let held = self.ports_held_by(generation, hangs);
        // Of one that has been adopted and hangs no port may be known.
        if hangs && held.is_empty() {
            return self.go_on_releasing(now, false);
        }
        // Thousands are not tried every few milliseconds for the sake of one that is still held.
        let purpose = Purpose::Release { all: now >= until };
        self.effects.push(Effect::Probe(purpose, held.into_iter().collect()));
    }

    pub(super) fn probed_for_release(&mut self, all: bool, taken: &[Unbindable], now: Instant) {
        let State::Releasing { generation, hangs, .. } = self.state else { return };
        if taken.is_empty() {
            return self.released(generation, now);
        }
        if !all {
            return self.effects.push(Effect::Arm(Timer::Release, LOOK_EVERY));
        }
        // It lets go of all its ports or of none: somebody else may have taken the others meanwhile.
        let is_taken = |port: &u16| taken.iter().any(|taken| taken.port == *port);
        let open = self.ports_of(generation, |state| state.is_open);
        self.go_on_releasing(now, !hangs && !open.iter().all(is_taken));
    }

    /// Waits on, unless it takes too long.
    fn go_on_releasing(&mut self, now: Instant, has_let_go_of_some: bool) {
        let State::Releasing { generation, until, .. } = self.state else { return };
        if now < until {
            self.effects.push(Effect::Arm(Timer::Release, LOOK_EVERY));
        } else if has_let_go_of_some {
            self.released(generation, now);
        } else {
            self.say(News::NotReleasing { generation });
            self.state = State::Idle;
            let pause = self.note_failure();
            self.pause(pause, now);
            self.terminate(generation, Signal::KILL);
        }
    }

    fn released(&mut self, generation: u64, now: Instant) {
        if self.generations.get(generation).is_some() {
            self.effects.push(Effect::RemoveSocket(generation));
        }
        self.state = State::Idle;
        // The first time that is no pause at all. But each replacement may be as mute as the one before.
        let pause = self.note_failure();
        self.pause(pause, now);
        self.advance(now);
    }

    /// The ports that a generation listens on as far as is known: those that it listened on when it was last seen,
    /// and those that it may have been told to open since. The ports that somebody else had a hung one open cannot be
    /// known.
    fn ports_held_by(&self, generation: u64, hangs: bool) -> BTreeSet<u16> {
        let mut held = self.ports_of(generation, |state| hangs || state.is_open);
        let wanted = self.wanted.routes().iter().filter(|(_, route)| route.is_some());
        held.extend(wanted.map(|(port, _)| *port).filter(|port| self.has_port(generation, *port)));
        held
    }

    /// The ports of a generation in such a state. Of one that has not been seen since its adoption that may be any.
    fn ports_of(&self, generation: u64, is_so: impl Fn(&PortState) -> bool) -> BTreeSet<u16> {
        match self.generations.get(generation) {
            Some(it) if !it.ports.is_empty() => {
                it.ports.iter().filter(|(_, state)| is_so(state)).map(|(port, _)| *port).collect()
            }
            _ => self.wanted.routes().keys().copied().collect(),
        }
    }

    fn has_port(&self, generation: u64, port: u16) -> bool {
        self.generations.get(generation).is_some_and(|it| it.ports.contains_key(&port))
    }
}
