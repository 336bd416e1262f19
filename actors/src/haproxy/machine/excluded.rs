//! Ports that cannot be bound are left out, until a container needs one of them that can be bound again.
//!
//! A HAProxy that runs cannot be told to listen on another port, so each port that comes back costs a process. Ports that
//! nobody needs start none; they come back together with one that somebody needs.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{
    Machine,
    event::{Effect, Purpose, Timer},
    news::News,
};
use crate::haproxy::bindable::Unbindable;

/// How often ports that a container needs are tried again.
const EXCLUDED_RETRY: Duration = Duration::from_secs(1);

impl Machine {
    /// Leaves out the ports that have turned out to be `taken`.
    pub(super) fn exclude_taken(&mut self, taken: Vec<Unbindable>) {
        self.note_unbindable(&taken);
        let mut excluded = self.wanted.excluded().clone();
        let fresh: Vec<_> = taken.into_iter().filter(|taken| excluded.insert(taken.port)).collect();
        if !fresh.is_empty() {
            self.exclude(excluded);
            let needed = self.wanted.needed_excluded();
            let (needed, unused): (Vec<_>, _) = fresh.into_iter().partition(|it| needed.contains(&it.port));
            self.say_excluded(needed);
            if !unused.is_empty() {
                self.say(News::UnusedExcluded { ports: unused });
            }
        }
        self.try_excluded_later(EXCLUDED_RETRY);
    }

    /// There is a new plan: it may need a port that was left out, and that can be bound by now.
    pub(super) fn look_at_excluded(&mut self) {
        let needed = self.wanted.needed_excluded();
        if !needed.is_subset(&self.status.unserved) {
            self.probe_excluded();
        }
        self.status.unserved.retain(|port| needed.contains(port));
    }

    pub(super) fn probe_excluded(&mut self) {
        let excluded = self.wanted.excluded().iter().copied().collect();
        self.effects.push(Effect::Probe(Purpose::Excluded, excluded));
    }

    pub(super) fn probed_excluded(&mut self, taken: Vec<Unbindable>, now: Instant) {
        self.note_unbindable(&taken);
        let still: BTreeSet<u16> = taken.iter().map(|taken| taken.port).collect();
        let free: BTreeSet<u16> = self.wanted.excluded().difference(&still).copied().collect();
        let needed = self.wanted.needed_excluded();
        let unserved = taken.into_iter().filter(|taken| needed.contains(&taken.port));
        self.say_excluded(unserved.collect());
        let mut retry = EXCLUDED_RETRY;
        if !free.is_disjoint(&needed) {
            match self.retry.readmitted(now) {
                Ok(()) => {
                    self.status.unserved.retain(|port| still.contains(port));
                    self.say(News::Bindable { ports: free });
                    self.exclude(still);
                    self.advance(now);
                }
                Err(pause) => retry = retry.max(pause),
            }
        }
        self.try_excluded_later(retry);
    }

    /// Says once of each port that a container needs that it cannot be bound.
    fn say_excluded(&mut self, mut needed: Vec<Unbindable>) {
        needed.retain(|taken| self.status.unserved.insert(taken.port));
        if !needed.is_empty() {
            self.say(News::Excluded { ports: needed, retry: EXCLUDED_RETRY });
        }
    }

    fn exclude(&mut self, ports: BTreeSet<u16>) {
        self.wanted.set_excluded(ports.clone());
        self.effects.push(Effect::ExcludePorts(ports));
    }

    /// Where nobody needs one, none is tried.
    fn try_excluded_later(&mut self, pause: Duration) {
        if !self.wanted.needed_excluded().is_empty() {
            self.effects.push(Effect::Arm(Timer::Excluded, pause));
        }
    }
}
