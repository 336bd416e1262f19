//! What leads from the live HAProxy to what is wanted of it. Pure.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, net::SocketAddr, sync::Arc};

use super::{
    OnLeave,
    generations::Generation,
    port_state::{PortState, Ports},
    wanted::Wanted,
};
use crate::config::{Frame, HaproxyConfig, Routes};

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// What is live is what is wanted, as far as it can be had; so many ports wait for a reload.
    Nothing { waiting: usize },
    /// No port of the pool can be bound; what is live, if anything is, stays.
    Wait,
    /// Have `haproxy -c` check the newest frame: a reload to it is due.
    Check,
    /// Start HAProxy: none is live.
    Start(Arc<HaproxyConfig>),
    /// Tell the live HAProxy of these changes: those that take something away come first.
    Update(Vec<Change>),
    /// Start a new generation that takes over from the live one.
    Reload(Arc<HaproxyConfig>, Reason),
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
    /// The template, a setting, or what the template makes of the routes.
    OtherFrame,
    /// An earlier stalls process left it behind, and what it was started with cannot be read.
    Unknown,
    /// It did not do what it was told, or does something else.
    Desync(String),
}

/// The action that leads from the `live` HAProxy to what is `wanted`.
///
/// What HAProxy can be told at once does not wait for a reload, which may fail. A reload leads only to a frame that
/// HAProxy has accepted, and that is another than the live one, unless that one does not do as it is told.
pub(super) fn next_action(live: Option<&Generation>, wanted: &Wanted, on_leave: OnLeave) -> Action {
    if wanted.routes().is_empty() {
        return Action::Wait;
    }
    let Some(live) = live else { return start(wanted) };
    let is_in_frame = wanted.is_in_frame(live.frame.as_ref());
    let waiting = match &live.desync {
        None if is_in_frame || wanted.updates_at_runtime() => {
            let changes = changes(&live.ports, wanted, on_leave);
            if !changes.is_empty() {
                return Action::Update(changes);
            }
            let is_missing = |port: &&u16| !live.ports.contains_key(port);
            // A template may give a free port no server, without which HAProxy does not show it.
            if is_in_frame { 0 } else { wanted.routes().keys().filter(is_missing).count() }
        }
        _ => unserved(&live.ports, wanted.routes()),
    };
    let reason = |frame: &Frame| match (&live.desync, &live.frame) {
        (Some(how), _) => Some(Reason::Desync(how.clone())),
        (None, None) => Some(Reason::Unknown),
        (None, Some(digest)) => (*digest != frame.digest).then(|| why_another_frame(&live.ports, frame)),
    };
    if let Some(config) = wanted.reloadable()
        && let Some(reason) = reason(&config.frame)
    {
        return Action::Reload(config, reason);
    }
    if wanted.unchecked().is_some_and(|frame| reason(frame).is_some()) {
        return Action::Check;
    }
    Action::Nothing { waiting }
}

fn start(wanted: &Wanted) -> Action {
    match wanted.startable() {
        None => Action::Nothing { waiting: wanted.routes().len() },
        Some(config) => Action::Start(config),
    }
}

/// How many routes the live HAProxy does not serve.
fn unserved(live: &Ports, wanted: &Routes) -> usize {
    wanted.iter().filter(|(port, route)| live.get(port).is_none_or(|state| !state.serves(**route))).count()
}

fn why_another_frame(live: &Ports, frame: &Frame) -> Reason {
    if frame.ports.iter().any(|port| !live.contains_key(port)) {
        Reason::MorePorts
    } else if frame.ports.len() < live.len() {
        Reason::FewerPorts
    } else {
        Reason::OtherFrame
    }
}

/// What becomes of the live ports that do not do what is wanted. One that nobody wants refuses.
fn changes(live: &Ports, wanted: &Wanted, on_leave: OnLeave) -> Vec<Change> {
    let wanted_of = |port: &u16| wanted.routes().get(port).copied().flatten();
    let differ: Vec<(u16, PortState, Option<SocketAddr>)> = live
        .iter()
        .map(|(port, state)| (*port, *state, wanted_of(port)))
        .filter(|(_, state, route)| !state.serves(*route))
        .collect();
    if differ.is_empty() {
        return Vec::new();
    }
    let mut gone: BTreeSet<SocketAddr> = differ.iter().map(|(_, state, _)| state.was_led_to()).collect();
    for running in wanted.routes().values().flatten().copied().chain(wanted.still_running()) {
        gone.remove(&running);
    }
    let leaving = |state: PortState| match on_leave {
        OnLeave::Cut => Leaving::Cut,
        OnLeave::ByState if gone.contains(&state.was_led_to()) => Leaving::Cut,
        OnLeave::Drain | OnLeave::ByState => Leaving::Drain,
    };
    let change = |(port, state, route): (u16, PortState, Option<SocketAddr>)| match route {
        None => Change::Free { port, leaving: leaving(state) },
        Some(to) if !state.is_open || !state.is_ready => Change::Assign { port, to },
        // Somebody else has led it elsewhere: its own server leaves nothing.
        Some(by) if by == state.was_led_to() => Change::Replace { port, by, leaving: Leaving::Drain },
        Some(by) => Change::Replace { port, by, leaving: leaving(state) },
    };
    let mut changes: Vec<_> = differ.into_iter().map(change).collect();
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

    /// Whether it ends the open connections.
    pub(super) fn cuts(self) -> bool {
        let (Self::Free { leaving, .. } | Self::Replace { leaving, .. }) = self else { return false };
        leaving == Leaving::Cut
    }

    /// Where the port leads afterwards.
    pub(super) fn route(self) -> Option<SocketAddr> {
        match self {
            Self::Free { .. } => None,
            Self::Replace { by: server, .. } | Self::Assign { to: server, .. } => Some(server),
        }
    }
}

impl Reason {
    /// All kinds.
    pub(super) const KINDS: [&str; 5] = ["more_ports", "fewer_ports", "other_frame", "unknown", "desync"];

    /// The bounded label for logs and metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::MorePorts => "more_ports",
            Self::FewerPorts => "fewer_ports",
            Self::OtherFrame => "other_frame",
            Self::Unknown => "unknown",
            Self::Desync(_) => "desync",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MorePorts => f.write_str("the configuration has ports that it does not listen on"),
            Self::FewerPorts => f.write_str("it listens on ports that the configuration does not have"),
            Self::OtherFrame => f.write_str("the configuration differs in more than its routes"),
            Self::Unknown => f.write_str("what it was started with cannot be read"),
            Self::Desync(how) => write!(f, "it does not do as it is told: {how}"),
        }
    }
}
