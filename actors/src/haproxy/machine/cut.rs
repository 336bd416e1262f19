//! A person has the connections on a port ended.

use tokio::time::Instant;

use super::{
    Machine, State,
    event::Effect,
    news::{News, Step, Target},
};
use crate::haproxy::{
    action::{Change, Leaving},
    known_faults::may_hang_sessions,
    port_state::PortState,
};

impl Machine {
    /// Whether the live HAProxy has this port, so that it can be told to end the connections there.
    pub(in super::super) fn can_cut(&self, port: u16) -> bool {
        self.generations.live_one().is_some_and(|live| live.ports.contains_key(&port))
    }

    pub(super) fn ask_for_cut(&mut self, port: u16, uid: u32, now: Instant) {
        self.cuts.insert(port);
        self.say(News::CutAsked { port, uid });
        self.advance(now);
    }

    /// Begins the cuts that were asked for, if there are any and they can be made. Each port stays as it is.
    pub(super) fn cut_asked(&mut self, now: Instant) -> bool {
        let cuts = std::mem::take(&mut self.cuts);
        let Some((generation, live)) = self.generations.live().zip(self.generations.live_one()) else {
            return false;
        };
        let cut = |port: u16| Some(cut(port, live.ports.get(&port)?));
        let changes: Vec<_> = cuts.into_iter().filter_map(cut).collect();
        if changes.is_empty() || live.desync.is_some() {
            return false;
        }
        if let Some(comparison) = &mut self.comparison {
            comparison.outdated.extend(changes.iter().map(|change| change.port()));
        }
        let may_hang = may_hang_sessions(live.version);
        self.effects.push(Effect::Update { generation, changes, may_hang });
        // No plan is in force because of it.
        let target = Target { revision: self.status.applied, ..self.target() };
        self.state = State::Updating { generation, step: Step::Nothing, target, waiting: 0, since: now };
        true
    }
}

fn cut(port: u16, state: &PortState) -> Change {
    match state.serves(None) {
        true => Change::Free { port, leaving: Leaving::Cut },
        false => Change::Replace { port, by: state.server, leaving: Leaving::Cut },
    }
}
