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

mod adopt;
mod count;
mod cut;
mod draining;
mod ended;
pub(super) mod event;
mod excluded;
pub(super) mod news;
mod release;
mod resync;
mod retry;
mod start;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod update;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rustix::process::Signal;
use tokio::time::Instant;

use self::{
    event::{Effect, Event, Purpose, Timer},
    news::{News, Process, Step, Target},
    resync::Failed,
    retry::Retry,
    status::Status,
};
use super::{
    OnLeave,
    action::{Action, next_action},
    generations::{Generations, Role},
    wanted::Wanted,
};
use crate::{config::HaproxyConfig, messages::Leave};

/// How HAProxy is supervised.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorSettings {
    /// How long connections may take to end by themselves when stalls stops.
    pub drain: Duration,
    /// How many processes may drain at a time, after reloads.
    pub max_draining: usize,
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
    /// The ports whose connections a person wants to have ended.
    cuts: BTreeSet<u16>,
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
    /// Whether the ports can be bound that a new generation is to bind; that may be why the first start has `failed`.
    Probing { action: Action, failed: Option<Failed> },
    /// The live HAProxy is told of changes.
    Updating { generation: u64, step: Step, target: Target, waiting: usize, since: Instant },
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

impl Machine {
    /// The machine before [`Machine::start`].
    pub(super) fn new(settings: SupervisorSettings) -> Self {
        Self {
            state: State::Adopting { stop: None },
            wanted: Wanted::new(settings.updates_at_runtime),
            generations: Generations::default(),
            comparison: None,
            cuts: BTreeSet::new(),
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
                self.count_wanted(now);
                self.look_at_excluded();
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
            (Event::Probed(Purpose::Launch, taken), State::Probing { .. }) => {
                self.probed_for_launch(taken, now);
            }
            (Event::Probed(Purpose::Release { all }, taken), State::Releasing { .. }) => {
                self.probed_for_release(all, &taken, now);
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
            (Event::Counted { expelled: Some(number), connections, .. }, _) => {
                self.counted_of_expelled(number, connections);
            }
            (Event::Counted { processes, connections, .. }, State::Stopping) => {
                self.counted(processes, connections);
            }
            (Event::Cut { port, uid }, _) => self.ask_for_cut(port, uid, now),
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
                | Event::Resynced(..)
                | Event::Counted { .. },
                _,
            ) => {}
        }
        std::mem::take(&mut self.effects)
    }

    /// Takes the next action, if one is due and none is under way.
    fn advance(&mut self, now: Instant) {
        // What is being killed may still hold ports; its end leads back here.
        let is_busy =
            !matches!(self.state, State::Idle) || self.generations.with(Role::Terminating).is_some();
        if is_busy || self.wanted.plan().is_none() {
            return;
        }
        if self.cut_asked(now) {
            return;
        }
        let action = next_action(self.generations.live_one(), &self.wanted, self.settings.on_leave);
        match action {
            Action::Nothing { waiting: 0 } if self.generations.live().is_some() => {
                self.note_applied(Step::Nothing, self.target(), now, now);
            }
            Action::Nothing { .. } => {}
            Action::Wait => self.note_no_port(),
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
            Timer::Excluded if !self.wanted.excluded().is_empty() => self.probe_excluded(),
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
