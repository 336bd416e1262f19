//! What the live HAProxy is told while it runs.

use tokio::time::Instant;

use super::{
    Machine, State,
    event::Effect,
    news::{News, Step},
    resync::Failed,
};
use crate::haproxy::{
    action::Change, known_faults::may_hang_sessions, port_state::Ports, update::UpdateError,
};

impl Machine {
    pub(super) fn update(&mut self, changes: Vec<Change>, now: Instant) {
        let Some((generation, live)) = self.generations.live().zip(self.generations.live_one()) else {
            return;
        };
        let waiting = self.wanted.routes().keys().filter(|port| !live.ports.contains_key(port)).count();
        if let Some(comparison) = &mut self.comparison {
            comparison.outdated.extend(changes.iter().map(|change| change.port()));
        }
        let may_hang = may_hang_sessions(live.version);
        let (target, step) = (self.target(), Step::Runtime { changes: changes.len() });
        self.effects.push(Effect::Update { generation, changes, may_hang });
        self.state = State::Updating { generation, step, target, waiting, since: now };
    }

    pub(super) fn updated(&mut self, updated: Result<Ports, UpdateError>, now: Instant) {
        let State::Updating { generation, step, target, waiting, since, .. } = self.rest() else { return };
        match updated {
            Ok(ports) => {
                if let Some(live) = self.generations.get_mut(generation) {
                    live.revision = live.revision.max(Some(target.revision));
                    live.ports.extend(ports);
                }
                if waiting == 0 {
                    self.note_applied(step, target, since, now);
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
}
