//! What follows from the end of a process.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Machine, State,
    event::Effect,
    news::{News, Process},
};
use crate::haproxy::generations::{Generation, Role};

impl Machine {
    pub(super) fn ended(&mut self, number: u64, how: String, now: Instant) {
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
}

fn died(how: &str) -> String {
    format!("haproxy died: {how}")
}
