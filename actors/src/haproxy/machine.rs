//! The supervisor's decisions: a state machine without I/O and clock. What happens comes in as an [`Event`], what is
//! to be done goes out as [`Effect`]s, and the shell (`supervisor.rs`) only translates.
//!
//! ```text
//! Adopting ──> Resyncing ──> Idle <──> Updating ──(refused)──> Resyncing ──> Idle, paused
//!                             │ ^
//!                             v │
//!  Probing ──> Launching ──> Starting ──(dies)─────────────> Resyncing ──> Idle, paused
//!                               └───(never answers)─> Failing ──> Resyncing ──> ...
//!
//! the live one dies ──> Idle, paused        the live one does not answer ──> Releasing ──> Idle, paused
//! the live one cannot be asked, for want of something here ──> Exhausted ──> Resyncing ──> Idle
//! Shutdown ──> Stopping
//! ```
//!
//! *Paused* means that the next start or reload has to wait; what HAProxy can be told at runtime does not. What each
//! state makes of each event stands in `machine/table.txt`, which a test compares with the code.

pub(super) mod event;
pub(super) mod news;
mod release;
mod resync;
mod retry;
mod start;
mod stop;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rustix::process::Signal;
use tokio::time::Instant;

use self::{
    event::{Effect, Event, Purpose, Timer},
    news::{News, Process, Step, Target},
    resync::Failed,
    retry::Retry,
};
use super::{
    OnLeave,
    action::{Action, Change, next_action},
    adoption::Decision,
    generations::{Generation, Generations, Role},
    port_state::Ports,
    process::Leftover,
    update::UpdateError,
    wanted::Wanted,
};
use crate::{
    config::HaproxyConfig,
    messages::{HaproxyReport, Leave},
    outage::Outage,
};

/// How HAProxy is supervised.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorSettings {
    /// How long connections may take to end by themselves when stalls stops.
    pub drain: Duration,
    /// How often the live HAProxy is compared with the plan.
    pub reconcile: Duration,
    /// What becomes of the connections to a container that leaves its port.
    pub on_leave: OnLeave,
    /// Whether the template lets a running HAProxy be told of changes.
    pub updates_at_runtime: bool,
    /// Seeds the jitter of restarts.
    pub seed: u64,
}

/// Brings HAProxy from what is live to what is wanted, one action at a time.
pub(super) struct Machine {
    settings: SupervisorSettings,
    state: State,
    wanted: Wanted,
    generations: Generations,
    /// A comparison that is under way. No action waits for it.
    comparison: Option<Comparison>,
    retry: Retry,
    status: Status,
    effects: Vec<Effect>,
}

/// What keeps the supervisor from taking the next action.
enum State {
    /// Looking for what an earlier stalls process left behind; `stop` a stop that was asked for meanwhile, and when.
    Adopting { stop: Option<(Leave, Instant)> },
    /// Nothing.
    Idle,
    /// Whether the ports can be bound that a new generation is to bind.
    Probing(Action),
    /// The live HAProxy is told of changes.
    Updating { generation: u64, changes: Vec<Change>, target: Target, waiting: usize, since: Instant },
    /// A new generation is being launched.
    Launching { generation: u64, config: Arc<HaproxyConfig>, step: Step, since: Instant },
    /// Its process runs, and is to serve.
    Starting { generation: u64, config: Arc<HaproxyConfig>, step: Step, since: Instant },
    /// A start failed; its process was killed and is not gone yet.
    Failing(Failed),
    /// The ports of the live HAProxy are asked about and set right.
    Resyncing(Option<Failed>),
    /// A HAProxy that cannot be talked to is to let go of its ports.
    Releasing { generation: u64, hangs: bool, until: Instant },
    /// HAProxy could not be asked, for want of something here; it will be asked again.
    Exhausted,
    /// Everything is coming to its end.
    Stopping,
}

/// What is being compared.
#[derive(Debug)]
struct Comparison {
    generation: u64,
    /// The ports that have been changed meanwhile, or are being changed: what is seen of them is old.
    outdated: BTreeSet<u16>,
}

/// What has been told of the way so far.
#[derive(Debug, Default)]
struct Status {
    /// The revision of the newest plan that is in force as a whole.
    applied: u64,
    /// How often an update failed and a reload took its place.
    fallbacks: u64,
    /// Why the last HAProxy ended, was given up or failed to start, unless one has served since.
    failure: Option<String>,
    /// HAProxy cannot be asked, for want of something here.
    exhausted: Outage,
}

impl Machine {
    /// The machine before [`Machine::start`].
    pub(super) fn new(settings: SupervisorSettings) -> Self {
        Self {
            state: State::Adopting { stop: None },
            wanted: Wanted::new(settings.updates_at_runtime),
            generations: Generations::default(),
            comparison: None,
            retry: Retry::new(settings.seed),
            status: Status::default(),
            effects: Vec::new(),
            settings,
        }
    }

    /// What is to be done first: nothing is started while something may be serving already.
    pub(super) fn start(&self) -> Vec<Effect> {
        vec![Effect::Adopt, Effect::Arm(Timer::Reconcile, self.settings.reconcile)]
    }

    /// What is to be done now that this has happened.
    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        match (event, &mut self.state) {
            (Event::Plan(plan), _) => {
                self.wanted.set_plan(plan);
                self.advance(now);
            }
            (Event::Config(written), _) => {
                self.wanted.take(written, self.generations.live_frame());
                self.advance(now);
            }
            (Event::Adopted(found), State::Adopting { stop }) => {
                let stop = stop.take();
                self.adopted(found, stop, now);
            }
            (Event::Probed(Purpose::Launch, taken), State::Probing(_)) => self.probed_for_launch(taken, now),
            (Event::Probed(Purpose::Release, taken), State::Releasing { .. }) => {
                self.probed_for_release(&taken, now);
            }
            (Event::Probed(Purpose::Excluded, taken), _) => self.probed_excluded(taken, now),
            (Event::Launched(it, launched), State::Launching { generation, .. }) if it == *generation => {
                self.launched(launched, now);
            }
            (Event::Launched(generation, launched), State::Stopping) => {
                self.launched_in_vain(generation, launched);
            }
            (Event::Ready(it, ready), State::Starting { generation, .. }) if it == *generation => {
                self.ready(ready, now);
            }
            (Event::Updated(it, updated), State::Updating { generation, .. }) if it == *generation => {
                self.updated(updated, now);
            }
            (Event::Resynced(it, resynced), State::Resyncing(_)) => self.resynced(it, resynced, now),
            (Event::Compared(generation, seen), _) => self.compared(generation, seen, now),
            (Event::Ended(generation, how), _) => self.ended(generation, how, now),
            (Event::Due(timer), _) => self.due(timer, now),
            // Whether something serves is not known yet; it will be within seconds, of which the drain time is less.
            (Event::Shutdown(leave), State::Adopting { stop }) => *stop = Some((leave, now)),
            (Event::Shutdown(leave), _) => self.stop(leave, now, now),
            // The answer to what has been given up meanwhile.
            (
                Event::Adopted(_)
                | Event::Probed(..)
                | Event::Launched(..)
                | Event::Ready(..)
                | Event::Updated(..)
                | Event::Resynced(..),
                _,
            ) => {}
        }
        std::mem::take(&mut self.effects)
    }

    /// Whether HAProxy is at work.
    pub(super) fn report(&self) -> HaproxyReport {
        let revision = Some(self.status.applied).filter(|revision| *revision > 0);
        match self.generations.live_one().and_then(|live| live.pid) {
            Some(pid) => HaproxyReport::Running { pid, revision },
            None if self.wanted.plan().is_some() => {
                HaproxyReport::Down { failure: self.status.failure.clone() }
            }
            None => HaproxyReport::NoPlan,
        }
    }

    /// Takes the next action, if one is due and none is under way.
    fn advance(&mut self, now: Instant) {
        // What is being killed may still hold ports; its end leads back here.
        let is_busy =
            !matches!(self.state, State::Idle) || self.generations.with(Role::Terminating).is_some();
        if is_busy || self.wanted.plan().is_none() {
            return;
        }
        let action = next_action(self.generations.live_one(), &self.wanted, self.settings.on_leave);
        match action {
            Action::Nothing { waiting: 0 } if self.generations.live().is_some() => {
                self.note_applied(Step::Nothing, self.target(), Duration::ZERO);
            }
            Action::Nothing { .. } => {}
            Action::Wait => self.say(News::NoPort { revision: self.wanted.revision() }),
            Action::Check => self.check(),
            // HAProxy itself finds out whether somebody else has taken a free port.
            Action::Update(changes) => self.update(changes, now),
            Action::Start(_) | Action::Reload(..) if self.retry.paused_until.is_some() => {}
            Action::Start(_) | Action::Reload(..) => self.probe_for_launch(action, now),
        }
    }

    /// Has the newest frame checked.
    fn check(&mut self) {
        self.wanted.note_being_checked();
        self.effects.push(Effect::CheckConfig);
    }

    // === what HAProxy is told while it runs ===

    fn update(&mut self, changes: Vec<Change>, now: Instant) {
        let Some((generation, live)) = self.generations.live().zip(self.generations.live_one()) else {
            return;
        };
        let waiting = self.wanted.routes().keys().filter(|port| !live.ports.contains_key(port)).count();
        if let Some(comparison) = &mut self.comparison {
            comparison.outdated.extend(changes.iter().map(|change| change.port()));
        }
        self.effects.push(Effect::Update { generation, changes: changes.clone() });
        let target = self.target();
        self.state = State::Updating { generation, changes, target, waiting, since: now };
    }

    fn updated(&mut self, updated: Result<Ports, UpdateError>, now: Instant) {
        let State::Updating { generation, changes, target, waiting, since } = self.rest() else { return };
        match updated {
            Ok(ports) => {
                if let Some(live) = self.generations.get_mut(generation) {
                    live.revision = Some(target.revision);
                    live.ports.extend(ports);
                }
                if waiting == 0 {
                    self.note_applied(Step::Runtime { changes: changes.len() }, target, now - since);
                } else {
                    self.say(News::Partly { target, waiting });
                }
                self.advance(now);
            }
            Err(UpdateError::Unavailable(error)) => self.give_up_live(generation, &error, now),
            Err(UpdateError::NotDone(what)) => {
                self.status.fallbacks += 1;
                self.generations
                    .get_mut(generation)
                    .into_iter()
                    .for_each(|live| live.desync = Some(what.clone()));
                self.resync(Some(Failed::Update { reason: what }), now);
            }
        }
    }

    // === what happens at any time ===

    fn adopted(&mut self, found: Vec<(Leftover, Decision)>, stop: Option<(Leave, Instant)>, now: Instant) {
        self.state = State::Idle;
        for (leftover, decision) in found {
            self.take_charge(leftover, &decision);
        }
        match stop {
            Some((leave, asked)) => self.stop(leave, asked, now),
            // The stalls process that started them may have ended amid a reload.
            None => self.resync(None, now),
        }
    }

    fn take_charge(&mut self, leftover: Leftover, decision: &Decision) {
        let Leftover { generation: number, pid, ref record } = leftover;
        let (revision, frame) = record.clone().map(|record| (record.revision, record.frame)).unzip();
        let role = if *decision == Decision::Adopt { Role::Live } else { Role::Draining };
        let (ports, desync) = (Ports::new(), None);
        self.generations.insert(number, Generation { pid: Some(pid), role, revision, frame, ports, desync });
        self.effects.push(Effect::Follow(leftover));
        match decision {
            Decision::Adopt => self.say(News::Adopted(self.process(number))),
            Decision::Drain => self.drain(number),
            Decision::Kill => {
                self.say(News::LeftoverKilled(self.process(number)));
                self.terminate(number, Signal::KILL);
            }
        }
    }

    fn ended(&mut self, number: u64, how: String, now: Instant) {
        let Some(Generation { pid, role, revision, .. }) = self.generations.remove(number) else { return };
        self.effects.push(Effect::RemoveDir(number));
        let process = Process { generation: number, pid };
        if role == Role::Live {
            self.status.failure = Some(died(&how));
        }
        match (&self.state, role) {
            (State::Stopping, _) => {
                self.say(News::Ended { process, how });
                self.stop_once_all_ended();
            }
            (State::Starting { .. }, Role::Starting) => self.start_failed(number, how, now),
            (State::Failing(_), Role::Terminating) => {
                let State::Failing(failed) = self.rest() else { return };
                self.resync(Some(failed), now);
            }
            (State::Idle, Role::Terminating) => {
                self.say(News::Ended { process, how });
                self.advance(now);
            }
            (State::Idle | State::Updating { .. } | State::Exhausted, Role::Live) => {
                // What waits is a reload, or the next query. Now nothing serves.
                let waits = self.retry.paused_until.is_some() || matches!(self.state, State::Exhausted);
                let retry = if waits { Duration::ZERO } else { self.note_failure() };
                self.effects.push(Effect::Cancel);
                self.state = State::Idle;
                self.pause(retry, now);
                self.say(News::Died { process, revision, how, retry });
                self.advance(now);
            }
            // The action under way brings the next one.
            (_, Role::Live) => self.say(News::Died { process, revision, how, retry: Duration::ZERO }),
            // It may have been given up in the very moment in which it died, since it did not answer any more.
            (_, Role::Draining) if how.starts_with("signal ") => {
                if self.generations.live().is_none() {
                    self.status.failure = Some(died(&how));
                }
                self.say(News::DiedDraining { process, how });
            }
            _ => self.say(News::Ended { process, how }),
        }
    }

    fn due(&mut self, timer: Timer, now: Instant) {
        match timer {
            Timer::Retry => {
                self.retry.paused_until = None;
                self.advance(now);
            }
            Timer::Reconcile => {
                self.effects.push(Effect::Arm(Timer::Reconcile, self.settings.reconcile));
                self.compare();
            }
            Timer::Excluded if !self.wanted.excluded().is_empty() => {
                let excluded = self.wanted.excluded().iter().copied().collect();
                self.effects.push(Effect::Probe(Purpose::Excluded, excluded));
            }
            Timer::Healthy => {
                self.retry.is_recovering = false;
                self.retry.reset();
            }
            Timer::Release => self.look_at_release(now),
            Timer::Resync if matches!(self.state, State::Exhausted) => self.resync(None, now),
            Timer::Drain if matches!(self.state, State::Stopping) => self.drain_is_over(),
            Timer::End if matches!(self.state, State::Stopping) => self.terminate_all(Signal::KILL),
            Timer::Excluded | Timer::Resync | Timer::Drain | Timer::End => {}
        }
    }

    // === small things ===

    fn say(&mut self, news: News) {
        self.effects.push(Effect::Say(news));
    }

    /// The state that is left; the new one is `Idle`.
    fn rest(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Idle)
    }

    fn process(&self, generation: u64) -> Process {
        Process { generation, pid: self.generations.get(generation).and_then(|generation| generation.pid) }
    }

    /// What an action that begins now is for.
    fn target(&self) -> Target {
        let (mapped, free) = self.wanted.mapped_and_free();
        let excluded = self.wanted.excluded_of_plan();
        Target { revision: self.wanted.revision(), mapped, free, excluded }
    }

    fn note_applied(&mut self, step: Step, target: Target, took: Duration) {
        if self.status.applied == target.revision && step == Step::Nothing {
            return;
        }
        self.status.applied = target.revision;
        self.say(News::Applied { step, target, took });
    }

    /// Counts one more failure; tells how long the next start should wait. Failures are not forgotten before another
    /// HAProxy has served.
    fn note_failure(&mut self) -> Duration {
        self.forget_no_failure();
        self.retry.after_failure()
    }

    fn forget_no_failure(&mut self) {
        self.retry.is_recovering = false;
        self.effects.push(Effect::Disarm(Timer::Healthy));
    }

    /// Keeps the next start or reload waiting for so long, at least until what was given up just now is gone.
    fn pause(&mut self, pause: Duration, now: Instant) {
        self.retry.paused_until = Some(now + pause);
        self.effects.push(Effect::Arm(Timer::Retry, pause));
    }
}

fn died(how: &str) -> String {
    format!("haproxy died: {how}")
}
