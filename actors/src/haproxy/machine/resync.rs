//! What is not known of the live HAProxy is asked, and set right.

use std::{collections::BTreeSet, mem, time::Duration};

use tokio::time::Instant;

use super::{
    Comparison, Machine, State,
    event::{Effect, Timer},
    news::News,
};
use crate::{
    config::{FrameDigest, HaproxyConfig},
    haproxy::{
        port_state::{PortState, Ports},
        query::QueryError,
        runtime_api::Unavailable,
    },
};

/// What has run out here comes back without notice, and to try costs nothing.
const EXHAUSTED_RETRY: Duration = Duration::from_secs(1);

/// An action that did not lead to where it should.
pub(super) enum Failed {
    /// A new generation failed to serve.
    Start { generation: u64, revision: u64, frame: FrameDigest, reason: String },
    /// The live one could not be told of changes, or not of all.
    Update { reason: String },
}

impl Failed {
    pub(super) fn start(generation: u64, config: &HaproxyConfig, reason: String) -> Self {
        let frame = config.frame.digest.clone();
        Self::Start { generation, revision: config.revision, frame, reason }
    }
}

impl Machine {
    /// What the live HAProxy does with its ports is not known after an action has failed: changes may have been made in
    /// part; a successor may have opened ports that are free here, and closed ports that are used here. That is
    /// asked and set right before anything else happens, since commands that arrive late would hit the next
    /// generation. Afterwards the next action is due, at once or, if one has `failed`, after a pause.
    pub(super) fn resync(&mut self, failed: Option<Failed>, now: Instant) {
        if let Some(Failed::Start { frame, .. }) = &failed {
            self.wanted.note_failed(frame);
            self.forget_no_failure();
        }
        match (self.generations.live(), failed) {
            (Some(generation), failed) => {
                self.state = State::Resyncing(failed);
                self.effects.push(Effect::Resync { generation });
            }
            (None, Some(failed)) => self.try_again(failed, false, now),
            (None, None) => {
                self.state = State::Idle;
                self.advance(now);
            }
        }
    }

    pub(super) fn resynced(&mut self, number: u64, resynced: Result<Ports, QueryError>, now: Instant) {
        let State::Resyncing(failed) = self.rest() else { return };
        if !is_exhausted(&resynced) {
            self.note_asked(now);
        }
        let given_up = match (resynced, self.generations.get_mut(number)) {
            (Ok(ports), Some(live)) => {
                live.ports = ports;
                None
            }
            (Err(QueryError::Unexpected(what)), Some(live)) => {
                live.desync = Some(what);
                None
            }
            (Err(QueryError::Unavailable(error)), Some(_)) => Some(error),
            (_, None) => None,
        };
        match (given_up, failed) {
            (Some(error), failed) => {
                // Whatever comes next waits for that.
                failed.into_iter().for_each(|failed| self.say_failed(failed, Duration::ZERO));
                self.give_up_live(number, &error, now);
            }
            (None, Some(failed)) => {
                let has_died = self.generations.live().is_none();
                self.try_again(failed, has_died, now);
            }
            (None, None) => self.advance(now),
        }
    }

    /// Has the next start or reload follow after a pause. What can be told at runtime does not wait for it.
    fn try_again(&mut self, failed: Failed, live_has_died: bool, now: Instant) {
        self.state = State::Idle;
        let retry = match &failed {
            // To put a reload off spares the one that serves: there is nothing to spare any more.
            Failed::Start { .. } if live_has_died => {
                self.note_failure();
                Duration::ZERO
            }
            Failed::Start { .. } => self.note_failure(),
            Failed::Update { .. } if live_has_died => self.note_failure(),
            // The reload that is to follow succeeds as a rule, and others wait for it.
            Failed::Update { .. } => self.retry.after_fallback(),
        };
        // A reload that has to wait for longer does so, whatever else fails meanwhile.
        let waits =
            self.retry.paused_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let retry = if live_has_died { retry } else { retry.max(waits) };
        self.pause(retry, now);
        self.say_failed(failed, retry);
        self.advance(now);
    }

    fn say_failed(&mut self, failed: Failed, retry: Duration) {
        match failed {
            Failed::Start { generation, revision, reason, .. } => {
                self.status.failure = Some(format!("haproxy failed to start: {reason}"));
                let old_one_serves = self.generations.live().is_some();
                self.say(News::NotStarted { generation, revision, reason, old_one_serves, retry });
            }
            Failed::Update { reason } => {
                let (revision, fallbacks) = (self.wanted.revision(), self.status.fallbacks);
                self.say(News::FallsBack { revision, reason, fallbacks, retry });
            }
        }
    }

    // === comparing ===

    /// Compares the live HAProxy with what it was told, since others may have told it something, too.
    pub(super) fn compare(&mut self) {
        let Some(generation) = self.generations.live() else { return };
        // What is being changed now is looked at next time.
        if self.comparison.is_none() && matches!(self.state, State::Idle) {
            self.comparison = Some(Comparison { generation, outdated: Default::default() });
            self.effects.push(Effect::Compare { generation });
        }
    }

    pub(super) fn compared(&mut self, number: u64, seen: Result<Ports, QueryError>, now: Instant) {
        let Some(comparison) = self.comparison.take_if(|it| it.generation == number) else { return };
        if self.generations.live() != Some(number) || matches!(self.state, State::Stopping) {
            return;
        }
        if !is_exhausted(&seen) {
            self.note_asked(now);
        }
        match seen {
            Ok(ports) => self.note_seen(&comparison, &ports, now),
            // The next comparison comes in time.
            Err(QueryError::Unavailable(error @ Unavailable::Exhausted { .. })) => {
                self.note_exhausted(number, &error, now);
            }
            // An action that is under way finds that out too.
            Err(QueryError::Unavailable(error)) if matches!(self.state, State::Idle) => {
                self.give_up_live(number, &error, now);
            }
            Err(QueryError::Unavailable(_)) => {}
            Err(QueryError::Unexpected(what)) => self.say(News::NotComparable { what }),
        }
    }

    fn note_seen(&mut self, comparison: &Comparison, seen: &Ports, now: Instant) {
        self.note_full(seen);
        self.note_down(seen);
        let Some(live) = self.generations.get_mut(comparison.generation) else { return };
        let mut ports = Vec::new();
        for (port, known) in live.ports.iter_mut().filter(|(port, _)| !comparison.outdated.contains(port)) {
            let Some(seen) = seen.get(port) else { continue };
            if !seen.does_the_same_as(known) {
                ports.push((*port, *seen, *known));
            }
            let displaced = Some(known.was_led_to()).filter(|own| *own != seen.server);
            *known = PortState { displaced, ..*seen };
        }
        if !ports.is_empty() {
            self.say(News::Drifted { generation: comparison.generation, ports });
            self.advance(now);
        }
    }

    /// HAProxy does not say that a port is full; it shows it.
    fn note_full(&mut self, seen: &Ports) {
        let of_these = ports_where(seen, |state| state.is_full);
        let news = begun_or_ended(
            &mut self.status.full,
            of_these,
            |port, ports| News::Full { port, ports },
            News::NoLongerFull,
        );
        news.into_iter().for_each(|news| self.say(news));
    }

    /// Of what health checks find, stalls says for all ports at once what HAProxy would say for each.
    fn note_down(&mut self, seen: &Ports) {
        let of_these = ports_where(seen, |state| state.is_down);
        let news = begun_or_ended(
            &mut self.status.down,
            of_these,
            |port, ports| News::Down { port, ports },
            News::NoLongerDown,
        );
        news.into_iter().for_each(|news| self.say(news));
    }

    // === what stalls has no more of ===

    /// HAProxy cannot be asked for want of descriptors or memory here. It is left as it is.
    pub(super) fn note_exhausted(&mut self, generation: u64, error: &Unavailable, now: Instant) {
        if self.status.exhausted.failed("exhausted", now) {
            self.say(News::Exhausted { generation, error: error.to_string() });
        }
    }

    /// Takes the next action later. What HAProxy was told just now may have been carried out in part, so first it is
    /// asked what it does.
    pub(super) fn resync_later(&mut self) {
        self.state = State::Exhausted;
        self.effects.push(Effect::Arm(Timer::Resync, EXHAUSTED_RETRY));
    }

    /// HAProxy could be asked, whatever it answered.
    pub(super) fn note_asked(&mut self, now: Instant) {
        if let Some(ended) = self.status.exhausted.succeeded(now) {
            self.say(News::NoLongerExhausted { lasted: ended.lasted });
        }
    }
}

fn is_exhausted(answer: &Result<Ports, QueryError>) -> bool {
    matches!(answer, Err(QueryError::Unavailable(Unavailable::Exhausted { .. })))
}

fn ports_where(seen: &Ports, is_so: impl Fn(&PortState) -> bool) -> BTreeSet<u16> {
    seen.iter().filter(|(_, state)| is_so(state)).map(|(port, _)| *port).collect()
}

/// What there is to say now that it is so of the ports `now`: that it has begun for one, or has ended for all.
fn begun_or_ended(
    was: &mut BTreeSet<u16>,
    now: BTreeSet<u16>,
    begun: impl FnOnce(u16, usize) -> News,
    ended: News,
) -> Option<News> {
    let before = mem::replace(was, now);
    match was.difference(&before).next() {
        Some(port) => Some(begun(*port, was.len())),
        None => (was.is_empty() && !before.is_empty()).then_some(ended),
    }
}
