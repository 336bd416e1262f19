//! What an earlier stalls process left behind.

use rustix::process::Signal;
use tokio::time::Instant;

use super::{
    Machine, State,
    event::Effect,
    news::{News, Process},
};
use crate::{
    haproxy::{
        adoption::Decision,
        generations::{Generation, Role},
        host::Leftover,
        port_state::Ports,
    },
    messages::Leave,
};

impl Machine {
    pub(super) fn adopted(
        &mut self,
        found: Vec<(Leftover, Decision)>,
        stop: Option<(Leave, Instant)>,
        now: Instant,
    ) {
        self.state = State::Idle;
        for (leftover, decision) in found {
            self.take_charge(leftover, decision);
        }
        match stop {
            Some((leave, asked)) => self.stop(leave, asked, now),
            // The stalls process that started them may have ended amid a reload.
            None => self.resync(None, now),
        }
    }

    fn take_charge(&mut self, leftover: Leftover, decision: Decision) {
        let Leftover { generation: number, pid, ref record } = leftover;
        if decision == Decision::Refuse {
            return self.say(News::LeftoverRefused(Process { generation: number, pid: Some(pid) }));
        }
        let (revision, frame) = record.clone().map(|record| (record.revision, record.frame)).unzip();
        let (role, version) = match decision {
            Decision::Adopt(version) => (Role::Live, version),
            Decision::Drain | Decision::Kill | Decision::Refuse => (Role::Draining, None),
        };
        let (pid, ports, desync) = (Some(pid), Ports::new(), None);
        self.generations.insert(number, Generation { pid, role, version, revision, frame, ports, desync });
        self.effects.push(Effect::Follow(leftover));
        match decision {
            Decision::Adopt(_) => {
                self.say(News::Adopted(self.process(number)));
                self.note_version(number);
            }
            Decision::Drain => self.drain(number),
            Decision::Kill => {
                self.say(News::LeftoverKilled(self.process(number)));
                self.terminate(number, Signal::KILL);
            }
            Decision::Refuse => {}
        }
    }
}
