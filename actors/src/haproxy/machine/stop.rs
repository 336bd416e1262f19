//! Bringing HAProxies to their end.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::{
    Machine, State,
    event::{Effect, Timer},
    news::News,
};
use crate::{haproxy::generations::Role, messages::Leave};

/// How long the connections that are cut may be counted: the stop waits for it.
const COUNT_LIMIT: Duration = Duration::from_secs(2);
/// How long a process may take to end once its connections may be cut.
const END_LIMIT: Duration = Duration::from_secs(1);

impl Machine {
    /// Listening ends at once; connections may go on.
    pub(super) fn drain(&mut self, number: u64) {
        self.tell_to_drain(number);
        self.effects.push(Effect::RemoveSocket(number));
    }

    /// As [`drain`](Self::drain), but whether it does so is not sure yet: by its socket the next stalls process, should
    /// this one end meanwhile, finds out that it hangs.
    pub(super) fn tell_to_drain(&mut self, number: u64) {
        if self.signal(number, Role::Draining, Signal::USR1) {
            self.say(News::Drains(self.process(number)));
            self.limit_draining();
        }
    }

    /// Connections are cut.
    pub(super) fn terminate(&mut self, number: u64, signal: Signal) {
        self.signal(number, Role::Terminating, signal);
    }

    pub(super) fn terminate_all(&mut self, signal: Signal) {
        self.generations.numbers().into_iter().for_each(|number| self.terminate(number, signal));
    }

    /// Gives a generation another role. One that has no process yet is signalled when it has.
    fn signal(&mut self, number: u64, role: Role, signal: Signal) -> bool {
        let Some(generation) = self.generations.get_mut(number) else { return false };
        let Some(pid) = generation.pid else { return false };
        generation.role = role;
        self.effects.push(Effect::Signal { generation: number, pid, signal });
        true
    }

    /// Stops as was `asked` for then.
    pub(super) fn stop(&mut self, leave: Leave, asked: Instant, now: Instant) {
        self.state = State::Stopping;
        self.effects.extend([Effect::Cancel, Effect::Disarm(Timer::Retry), Effect::Disarm(Timer::Excluded)]);
        if let Some(starting) = self.generations.with(Role::Starting) {
            self.terminate(starting, Signal::KILL);
        }
        match leave {
            Leave::Serving => return self.effects.push(Effect::Stop),
            Leave::Drained => {
                self.generations.live().into_iter().for_each(|live| self.drain(live));
                self.effects.push(Effect::Arm(Timer::Drain, self.settings.drain.saturating_sub(now - asked)));
            }
            Leave::Cut => self.cut(),
        }
        self.stop_once_all_ended();
    }

    /// What is to be cut is counted first: the answer leads to the cut.
    pub(super) fn drain_is_over(&mut self) {
        let pids = self.generations.all().filter_map(|generation| generation.pid).collect();
        let ports = self.generations.ports();
        self.effects.push(Effect::CountConnections { expelled: None, pids, ports, within: COUNT_LIMIT });
    }

    pub(super) fn counted(&mut self, processes: usize, connections: Option<usize>) {
        self.say(News::Cuts { processes, connections });
        self.cut();
    }

    fn cut(&mut self) {
        self.terminate_all(Signal::TERM);
        self.effects.push(Effect::Arm(Timer::End, END_LIMIT));
    }

    pub(super) fn stop_once_all_ended(&mut self) {
        if self.generations.is_empty() {
            self.effects.push(Effect::Stop);
        }
    }
}
