//! A new generation, from the probing of its ports to the end of its predecessor.

use std::{io, sync::Arc};

use rustix::process::Signal;
use tokio::time::Instant;

use super::{
    Machine, State,
    event::{Effect, Purpose, Timer},
    news::{News, Step, Target},
    resync::Failed,
    retry::HEALTHY,
};
use crate::{
    config::HaproxyConfig,
    haproxy::{
        action::Action,
        bindable::Unbindable,
        generations::{Generation, Role},
        host::Launch,
        known_faults::Version,
        port_state::ports_of,
    },
};

impl Machine {
    /// Looks before HAProxy leaps: for the sake of one port it would not start at all. But where nothing has failed yet,
    /// to start it is the quickest way to find out: a probe takes some 10 µs for each port.
    pub(super) fn probe_for_launch(&mut self, action: Action, now: Instant) {
        match action {
            Action::Start(_) if self.status.failure.is_none() => self.launch(action, now),
            action => self.probe(action, None),
        }
    }

    fn probe(&mut self, action: Action, failed: Option<Failed>) {
        let ports = match &action {
            Action::Start(config) => config.routes.keys().copied().collect(),
            Action::Reload(config, _) => self.ports_to_take(config),
            _ => return,
        };
        self.state = State::Probing { action, failed };
        self.effects.push(Effect::Probe(Purpose::Launch, ports));
    }

    /// The ports of `config` that a successor of the live HAProxy cannot take over from it. Those that it keeps
    /// closed are among them: somebody else may have taken them meanwhile.
    fn ports_to_take(&self, config: &HaproxyConfig) -> Vec<u16> {
        let Some(live) = self.generations.live_one() else { return Vec::new() };
        // It holds nobody knows which ports, most likely all; a probe would find them taken.
        if live.ports.is_empty() {
            return Vec::new();
        }
        let is_held = |port: &u16| live.ports.get(port).is_some_and(|state| state.is_open);
        config.routes.keys().copied().filter(|port| !is_held(port)).collect()
    }

    /// When ports cannot be bound, the writer is asked to leave them out, and tells of a frame without them.
    pub(super) fn probed_for_launch(&mut self, taken: Vec<Unbindable>, now: Instant) {
        let State::Probing { action, failed } = self.rest() else { return };
        match (taken.is_empty(), failed) {
            (true, Some(failed)) => self.resync(Some(failed), now),
            (true, None) => {
                if self.wanted.is_failed_unchecked() {
                    // That was not because of a port, so it may be because of the configuration.
                    self.check();
                }
                self.launch(action, now);
            }
            (false, failed) => {
                // That is why, and no fault of HAProxy's.
                if let Some(Failed::Start { reason, .. }) = failed {
                    self.status.failure = Some(format!("haproxy failed to start: {reason}"));
                    let retry = self.note_failure();
                    self.pause(retry, now);
                }
                self.exclude_taken(taken);
            }
        }
    }

    fn launch(&mut self, action: Action, now: Instant) {
        let (config, step) = match action {
            Action::Start(config) => (config, Step::Start),
            Action::Reload(config, reason) => (config, Step::Reload(reason)),
            _ => return,
        };
        let inherit = self.generations.live();
        let generation = self.generations.next_number();
        self.generations.insert(
            generation,
            Generation {
                pid: None,
                role: Role::Starting,
                version: None,
                revision: Some(config.revision),
                frame: Some(config.frame.digest.clone()),
                ports: ports_of(&config),
                desync: None,
            },
        );
        self.effects.push(Effect::Launch(Launch { generation, config: Arc::clone(&config), inherit }));
        self.state = State::Launching { generation, config, step, since: now };
    }

    pub(super) fn launched(&mut self, launched: io::Result<u32>, now: Instant) {
        let State::Launching { generation, config, step, since } = self.rest() else { return };
        match launched {
            Ok(pid) => {
                self.generations.get_mut(generation).into_iter().for_each(|it| it.pid = Some(pid));
                let free = config.free().collect();
                self.effects.push(Effect::BringUp { generation, pid, free });
                self.state = State::Starting { generation, config, step, since };
            }
            Err(reason) => {
                self.generations.remove(generation);
                self.effects.push(Effect::RemoveDir(generation));
                self.resync(Some(Failed::start(generation, &config, reason.to_string())), now);
            }
        }
    }

    /// stalls stops.
    pub(super) fn launched_in_vain(&mut self, number: u64, launched: io::Result<u32>) {
        match (launched, self.generations.get_mut(number)) {
            (Ok(pid), Some(generation)) => {
                generation.pid = Some(pid);
                self.terminate(number, Signal::KILL);
            }
            _ => {
                self.generations.remove(number);
                self.effects.push(Effect::RemoveDir(number));
                self.stop_once_all_ended();
            }
        }
    }

    pub(super) fn ready(&mut self, ready: Result<Option<Version>, String>, now: Instant) {
        match (ready, self.rest()) {
            (Ok(version), State::Starting { generation, config, step, since }) => {
                self.generations.get_mut(generation).into_iter().for_each(|it| it.version = version);
                self.promote(generation, &config, step, since, now);
            }
            (Err(reason), State::Starting { generation, config, .. }) => {
                self.state = State::Failing(Failed::start(generation, &config, reason));
                self.terminate(generation, Signal::KILL);
            }
            (_, other) => self.state = other,
        }
    }

    /// The new generation serves: the old one drains.
    fn promote(&mut self, number: u64, config: &HaproxyConfig, step: Step, since: Instant, now: Instant) {
        if let Some(old) = self.generations.live() {
            self.drain(old);
        }
        let Some(new) = self.generations.get_mut(number) else { return };
        new.role = Role::Live;
        self.say(News::Serves(self.process(number)));
        self.note_version(number);
        self.note_asked(now);
        self.status.failure = None;
        // To serve is as good as a check.
        self.wanted.accept(Arc::clone(&config.frame));
        let mapped = config.mapped();
        let target = Target {
            revision: config.revision,
            mapped,
            free: config.routes.len() - mapped,
            excluded: config.frame.excluded.len(),
        };
        self.note_applied(step, target, since, now);
        // What is being seen is of the old one.
        self.comparison = None;
        self.compare();
        if !self.retry.is_recovering {
            self.retry.is_recovering = true;
            self.effects.push(Effect::Arm(Timer::Healthy, HEALTHY));
        }
        self.advance(now);
    }

    /// A new generation has ended before it served.
    pub(super) fn start_failed(&mut self, generation: u64, reason: String, now: Instant) {
        let State::Starting { config, step, .. } = self.rest() else { return };
        self.effects.push(Effect::Cancel);
        let failed = Failed::start(generation, &config, reason);
        match step {
            // Its ports have not been probed.
            Step::Start if self.status.failure.is_none() => {
                self.probe(Action::Start(config), Some(failed));
            }
            _ => self.resync(Some(failed), now),
        }
    }
}
