//! A bound on the processes that drain. Each reload leaves one, for as long as its last connection lasts, and each needs
//! memory: without a bound, many reloads would end the live one, too.

use std::time::Duration;

use rustix::process::Signal;

use super::{Machine, State, event::Effect, news::News};
use crate::haproxy::generations::Role;

/// How long the connections of a process that has to end may be counted: nothing waits for its end.
const COUNT_LIMIT: Duration = Duration::from_secs(20);

impl Machine {
    /// Ends the oldest processes that drain, as long as there are too many. What that cuts is counted first: the answer
    /// leads to the cut.
    pub(super) fn limit_draining(&mut self) {
        // What drains when stalls stops is bounded by the time.
        if matches!(self.state, State::Stopping) {
            return;
        }
        let draining = self.generations.numbers_with(Role::Draining);
        let excess = draining.len().saturating_sub(self.settings.max_draining);
        let ports = self.generations.ports();
        for number in draining.into_iter().take(excess) {
            let Some(oldest) = self.generations.get_mut(number) else { continue };
            oldest.role = Role::Expelled;
            let pids = oldest.pid.into_iter().collect();
            self.effects.push(Effect::CountConnections {
                expelled: Some(number),
                pids,
                ports: ports.clone(),
                within: COUNT_LIMIT,
            });
        }
    }

    /// So many connections are those of the process that has to go.
    pub(super) fn counted_of_expelled(&mut self, number: u64, connections: Option<usize>) {
        let Some(generation) = self.generations.get(number).filter(|it| it.role == Role::Expelled) else {
            return;
        };
        let Some(pid) = generation.pid else { return };
        let (process, max_draining) = (self.process(number), self.settings.max_draining);
        self.say(News::Expelled { process, connections, max_draining });
        // It may be one that hangs, and there is nothing left that it could do in order.
        self.effects.push(Effect::Signal { generation: number, pid, signal: Signal::KILL });
    }
}
