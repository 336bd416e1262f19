//! What leads from the live HAProxy to the configuration on disk. Pure.

#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr};

use rustc_hash::FxHashSet;

use super::{
    OnLeave,
    slots::{Slot, Slots},
};
use crate::{
    config::{Frame, HaproxyConfig, Routes},
    paged_map::in_step,
};

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What is live is what is wanted.
    Nothing,
    /// No port of the pool can be bound; what is live, if anything is, stays.
    Wait,
    /// Start HAProxy: none is live.
    Start,
    /// Tell the live HAProxy of these changes: those that take something away come first.
    Changes(Vec<Change>),
    /// Start a new generation that takes over from the live one.
    Handover(Reason),
}

/// What becomes of one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is to refuse.
    Free { port: u16, leaving: Leaving },
    /// It leads to another server from now on.
    Replace { port: u16, by: SocketAddr, leaving: Leaving },
    /// It refused, and leads to this server from now on.
    Assign { port: u16, to: SocketAddr },
}

/// What becomes of the connections to the server that a port led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Cut,
    Drain,
}

/// Why a new process is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The pool has grown, or a port that was left out can be bound again: no running HAProxy can be told to listen
    /// on another port.
    MorePorts,
    /// Some ports cannot be bound at present, or are no longer ours.
    FewerPorts,
    /// The template, a setting, or what the template makes of who is on which port.
    OtherFrame,
    /// It was left behind by an earlier stalls, and what it was started with cannot be read.
    Unknown,
    /// It did not do what it was told, or does something else.
    Disagrees(String),
}

/// What is known of the live HAProxy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Live<'a> {
    /// None runs.
    None,
    /// One runs.
    Running {
        /// What it was started with, if that is known.
        frame: Option<&'a Frame>,
        /// What it does with each port.
        slots: &'a Slots,
        /// The routes that were found to be those slots, if any were.
        agreed: Option<&'a Routes>,
        /// Why it is not to be relied upon any more.
        disagrees: Option<&'a str>,
    },
}

/// The step that leads from `live` to `wanted`.
pub(super) fn next_step(live: Live<'_>, wanted: &HaproxyConfig, on_leave: OnLeave) -> Step {
    let (frame, slots, agreed, disagrees) = match live {
        // HAProxy refuses to start without any listener, and a handover would end the one that serves.
        _ if wanted.routes.is_empty() => return Step::Wait,
        Live::None => return Step::Start,
        Live::Running { frame, slots, agreed, disagrees } => (frame, slots, agreed, disagrees),
    };
    let Some(frame) = frame else { return Step::Handover(Reason::Unknown) };
    if let Some(how) = disagrees {
        return Step::Handover(Reason::Disagrees(how.to_owned()));
    }
    let Comparison { differ, other_ports } = compare(slots, agreed, &wanted.routes);
    let needs_handover = *frame != wanted.frame || other_ports;
    // What can be had at once does not wait for a handover, which may fail.
    let changes = if needs_handover && !wanted.has_frame() {
        Vec::new()
    } else {
        changes(&differ, agreed, wanted, on_leave)
    };
    if !changes.is_empty() {
        Step::Changes(changes)
    } else if needs_handover {
        Step::Handover(why_another_frame(slots, wanted))
    } else {
        Step::Nothing
    }
}

/// What distinguishes slots from routes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Comparison {
    /// The ports that both have and that do something else.
    differ: Vec<(u16, Slot, Option<SocketAddr>)>,
    /// Whether there are ports that only one of them has.
    other_ports: bool,
}

/// Of a pool of thousands only those ports are looked at whose routes are not those that were `agreed` last.
fn compare(slots: &Slots, agreed: Option<&Routes>, wanted: &Routes) -> Comparison {
    let all =
        || in_step(slots, wanted.iter()).map(|(port, slot, route)| (port, slot.copied(), route.copied()));
    let Some(agreed) = agreed else { return all().collect() };
    let slot = |(port, _, route): (u16, _, Option<&_>)| (port, slots.get(&port).copied(), route.copied());
    let comparison = agreed.differences(wanted).map(slot).collect();
    debug_assert_eq!(comparison, all().collect(), "what was agreed on is not what is live");
    comparison
}

impl FromIterator<(u16, Option<Slot>, Option<Option<SocketAddr>>)> for Comparison {
    fn from_iter<I: IntoIterator<Item = (u16, Option<Slot>, Option<Option<SocketAddr>>)>>(ports: I) -> Self {
        let mut comparison = Self::default();
        for (port, slot, route) in ports {
            match (slot, route) {
                (Some(slot), Some(route)) if slot.serves(route) => {}
                (Some(slot), Some(route)) => comparison.differ.push((port, slot, route)),
                _ => comparison.other_ports = true,
            }
        }
        comparison
    }
}

fn why_another_frame(slots: &Slots, wanted: &HaproxyConfig) -> Reason {
    if wanted.routes.keys().any(|port| !slots.contains_key(port)) {
        Reason::MorePorts
    } else if wanted.routes.len() < slots.len() {
        Reason::FewerPorts
    } else {
        Reason::OtherFrame
    }
}

/// What becomes of the ports that `differ`.
fn changes(
    differ: &[(u16, Slot, Option<SocketAddr>)],
    agreed: Option<&Routes>,
    wanted: &HaproxyConfig,
    on_leave: OnLeave,
) -> Vec<Change> {
    let mut gone: FxHashSet<SocketAddr> = differ.iter().map(|(_, slot, _)| slot.was_led_to()).collect();
    let led_to = differ.iter().filter_map(|(_, _, route)| route.as_ref());
    // The ports that do not differ lead elsewhere, as far as they were agreed on: a plan leads to each server once.
    let others = (agreed.is_none() && !gone.is_empty()).then(|| wanted.routes.values().flatten());
    for running in led_to.chain(&wanted.still_running).chain(others.into_iter().flatten()) {
        gone.remove(running);
    }
    let leaving = |slot: Slot| match on_leave {
        OnLeave::Cut => Leaving::Cut,
        OnLeave::ByState if gone.contains(&slot.was_led_to()) => Leaving::Cut,
        OnLeave::Drain | OnLeave::ByState => Leaving::Drain,
    };
    let change = |&(port, slot, route): &(u16, Slot, Option<SocketAddr>)| match route {
        None => Change::Free { port, leaving: leaving(slot) },
        Some(to) if !slot.is_open || !slot.is_ready => Change::Assign { port, to },
        // Somebody else has led it elsewhere: its own server leaves nothing.
        Some(by) if by == slot.was_led_to() => Change::Replace { port, by, leaving: Leaving::Drain },
        Some(by) => Change::Replace { port, by, leaving: leaving(slot) },
    };
    let mut changes: Vec<_> = differ.iter().map(change).collect();
    // A container that moves leaves its old port before it gets the new one.
    changes.sort_by_key(|change| match change {
        Change::Free { .. } => 0,
        Change::Replace { .. } => 1,
        Change::Assign { .. } => 2,
    });
    changes
}

impl Change {
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Free { port, .. } | Self::Replace { port, .. } | Self::Assign { port, .. } => port,
        }
    }

    /// Where the port leads afterwards.
    pub(super) fn route(self) -> Option<SocketAddr> {
        match self {
            Self::Free { .. } => None,
            Self::Replace { by: server, .. } | Self::Assign { to: server, .. } => Some(server),
        }
    }
}

impl Step {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Wait => "wait",
            Self::Start => "start",
            Self::Changes(_) => "runtime",
            Self::Handover(_) => "handover",
        }
    }
}

impl Reason {
    /// The bounded label for logs and metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::MorePorts => "more_ports",
            Self::FewerPorts => "fewer_ports",
            Self::OtherFrame => "other_frame",
            Self::Unknown => "unknown",
            Self::Disagrees(_) => "disagrees",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MorePorts => f.write_str("the configuration has ports that it does not listen on"),
            Self::FewerPorts => f.write_str("it listens on ports that the configuration does not have"),
            Self::OtherFrame => f.write_str("the configuration differs in more than who is on which port"),
            Self::Unknown => f.write_str("what it was started with cannot be read"),
            Self::Disagrees(how) => write!(f, "it does not do as it is told: {how}"),
        }
    }
}
