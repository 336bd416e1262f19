//! What is in force, and what went wrong last.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use tokio::time::Instant;

use super::{
    Machine,
    news::{News, Step, Target},
};
use crate::{
    domain::Reason,
    haproxy::{
        HaproxyCounters,
        bindable::{Unbindable, cannot_bind},
        generations::Role,
        known_faults::Version,
    },
    messages::{HaproxyReport, HaproxyState, Pending},
    outage::Outage,
};

/// What has been told of the way so far.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// The revision of the newest plan that is in force as a whole.
    pub(super) applied: u64,
    /// The revision of the last plan of which no port could be bound.
    pub(super) no_port: Option<u64>,
    /// The ports that a container needs and that cannot be bound, as far as that has been said.
    pub(super) unserved: BTreeSet<u16>,
    /// Why ports cannot be bound, as last seen.
    pub(super) unbindable: BTreeMap<u16, Reason>,
    /// How often an update failed and a reload took its place.
    pub(super) fallbacks: u64,
    /// Why the last HAProxy ended, was given up or failed to start, unless one has served since.
    pub(super) failure: Option<String>,
    /// The version whose faults were told of last.
    pub(super) version: Option<Version>,
    /// HAProxy cannot be asked, for want of something here.
    pub(super) exhausted: Outage,
    /// The ports that a health check found down when they were last looked at.
    pub(super) down: BTreeSet<u16>,
    /// The ports that had as many connections as they may have when they were last looked at.
    pub(super) full: BTreeSet<u16>,
    /// Since when there has been a plan that is not in force.
    pub(super) wanted_since: Option<Instant>,
    pub(super) counters: HaproxyCounters,
}

impl Machine {
    /// Whether HAProxy is at work.
    pub(in super::super) fn report(&self) -> HaproxyReport {
        let version = self.generations.live_one().and_then(|live| live.version);
        let excluded = self.wanted.excluded().iter();
        let why = |port: &u16| self.status.unbindable.get(port).cloned().unwrap_or_else(cannot_bind);
        HaproxyReport {
            state: self.state_of_haproxy(),
            socket: None,
            version: version.map(|version| version.to_string()),
            excluded: excluded.map(|port| (*port, why(port))).collect(),
            waiting: self.waiting().collect(),
            down: self.status.down.clone(),
            draining: self.generations.numbers_with(Role::Draining).len(),
            counters: self.status.counters.clone(),
        }
    }

    /// The number of the generation that serves.
    pub(in super::super) fn live(&self) -> Option<u64> {
        self.generations.live()
    }

    /// The ports that are to lead to a container, and that the live HAProxy does not lead there.
    fn waiting(&self) -> impl Iterator<Item = u16> {
        let live = self.generations.live_one();
        let serves = move |port: &u16, route: &Option<SocketAddr>| {
            live.and_then(|live| live.ports.get(port)).is_some_and(|state| state.serves(*route))
        };
        let used = self.wanted.routes().iter().filter(|(_, route)| route.is_some());
        used.filter(move |(port, route)| !serves(port, route)).map(|(port, _)| *port)
    }

    fn state_of_haproxy(&self) -> HaproxyState {
        let (applied, newest) = (self.status.applied, self.wanted.revision());
        let no_port =
            (self.status.no_port == Some(newest)).then(|| "no port of the pool can be bound".into());
        let failure = no_port.or_else(|| self.status.failure.clone());
        match self.generations.live_one().and_then(|live| live.pid) {
            Some(pid) => {
                let revision = Some(applied).filter(|revision| *revision > 0);
                let pending =
                    (newest != applied && newest > 0).then_some(Pending { revision: newest, failure });
                HaproxyState::Running { pid, revision, pending }
            }
            None if self.wanted.plan().is_some() => HaproxyState::Down { failure },
            None => HaproxyState::NoPlan,
        }
    }

    /// Remembers why these ports cannot be bound.
    pub(super) fn note_unbindable(&mut self, taken: &[Unbindable]) {
        self.status.unbindable.extend(taken.iter().map(|taken| (taken.port, taken.reason())));
    }

    /// What an action that begins now is for.
    pub(super) fn target(&self) -> Target {
        let (mapped, free) = self.wanted.mapped_and_free();
        let excluded = self.wanted.excluded_of_plan();
        Target { revision: self.wanted.revision(), mapped, free, excluded }
    }

    pub(super) fn note_applied(&mut self, step: Step, target: Target, since: Instant, now: Instant) {
        if self.status.applied == target.revision && step == Step::Nothing {
            return;
        }
        self.count_applied(&step, &target, now);
        self.status.applied = target.revision;
        self.say(News::Applied { step, target, took: now - since });
    }

    /// Says once of a version of HAProxy what people notice of its faults.
    pub(super) fn note_version(&mut self, generation: u64) {
        let version = self.generations.get(generation).and_then(|it| it.version);
        if let Some(version) = version
            && self.status.version.replace(version) != Some(version)
        {
            let remaining = version.remaining_faults().map(|fault| News::KnownFault { version, fault });
            remaining.for_each(|news| self.say(news));
        }
    }

    /// Says once of a plan that it has to wait.
    pub(super) fn note_no_port(&mut self) {
        let revision = self.wanted.revision();
        if self.status.no_port.replace(revision) != Some(revision) {
            self.say(News::NoPort { revision });
        }
    }
}
