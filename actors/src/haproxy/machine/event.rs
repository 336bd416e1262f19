//! What happens to the supervisor's machine, and what it has the shell do.

use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

use rustix::process::Signal;

use super::{
    super::{
        action::Change,
        adoption::Decision,
        bindable::Unbindable,
        host::{Launch, Leftover},
        known_faults::Version,
        port_state::Ports,
        query::QueryError,
        update::UpdateError,
    },
    news::News,
};
use crate::{allocation::Plan, config::ConfigWritten, messages::Leave};

/// Something has happened.
#[derive(Debug)]
pub(in super::super) enum Event {
    /// The allocator has a new plan.
    Plan(Arc<Plan>),
    /// The writer has a frame, or HAProxy's verdict on it.
    Config(ConfigWritten),
    /// The answer to [`Effect::Adopt`].
    Adopted(Vec<(Leftover, Decision)>),
    /// The answer to [`Effect::Probe`].
    Probed(Purpose, Vec<Unbindable>),
    /// The answer to [`Effect::Launch`]: the pid of the generation's process.
    Launched(u64, io::Result<u32>),
    /// The answer to [`Effect::BringUp`]: its version, if it says one.
    Ready(u64, Result<Option<Version>, String>),
    /// The answer to [`Effect::Update`]: the changed ports as HAProxy shows them.
    Updated(u64, Result<Ports, UpdateError>),
    /// The answer to [`Effect::Resync`].
    Resynced(u64, Result<Ports, QueryError>),
    /// The answer to [`Effect::Compare`].
    Compared(u64, Result<Ports, QueryError>),
    /// The answer to [`Effect::CountConnections`]: how many these processes have, or `None` if that cannot be known.
    Counted { expelled: Option<u64>, processes: usize, connections: Option<usize> },
    /// A generation's process has ended, in words for the log.
    Ended(u64, String),
    /// A timer that was armed is due.
    Due(Timer),
    /// A person, the user `uid`, wants the connections on this port to end.
    Cut { port: u16, uid: u32 },
    /// stalls is to stop.
    Shutdown(Leave),
}

/// Something is to be done. At most one of [`BringUp`](Self::BringUp), [`Update`](Self::Update) and
/// [`Resync`](Self::Resync) is under way.
#[derive(Debug)]
pub(in super::super) enum Effect {
    /// Look for what an earlier stalls process left behind.
    Adopt,
    /// Tell of the end of this process.
    Follow(Leftover),
    /// Find out which of these ports cannot be bound.
    Probe(Purpose, Vec<u16>),
    /// Start a process. Its end is told of, too.
    Launch(Launch),
    /// Make the `free` ports of a process refuse, as soon as it answers.
    BringUp { generation: u64, pid: u32, free: Vec<u16> },
    /// Tell HAProxy of changes. It `may_hang` sessions that it is told to end.
    Update { generation: u64, changes: Vec<Change>, may_hang: bool },
    /// Ask HAProxy what it does with each port, and have it make sure of that.
    Resync { generation: u64 },
    /// Only ask it.
    Compare { generation: u64 },
    /// Give up what is under way; it is not answered any more.
    Cancel,
    /// Signal a process that has not been seen to end.
    Signal { generation: u64, pid: u32, signal: Signal },
    /// Let nobody talk to a generation any more.
    RemoveSocket(u64),
    /// Remove all that is left of a generation.
    RemoveDir(u64),
    /// Have the writer leave out these ports.
    ExcludePorts(BTreeSet<u16>),
    /// Have the writer have its newest frame checked.
    CheckConfig,
    /// Have [`Event::Due`] come after this time. A timer that is armed already is armed anew.
    Arm(Timer, Duration),
    /// Have it not come.
    Disarm(Timer),
    /// Count the connections that these processes have to these ports: one that is to be ended since too many drain, or
    /// all, at the end of the drain time.
    CountConnections { expelled: Option<u64>, pids: Vec<u32>, ports: BTreeSet<u16>, within: Duration },
    /// Say something in the log.
    Say(News),
    /// End the supervisor.
    Stop,
}

/// What ports are probed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    /// A process is to be launched that binds them.
    Launch,
    /// A process is to let go of them. Unless `all` are of interest, one that is taken is answer enough.
    Release { all: bool },
    /// They are excluded.
    Excluded,
}

/// What is due when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Timer {
    /// The next start or reload after one that failed.
    Retry,
    /// The next comparison of the live HAProxy with what it was told.
    Reconcile,
    /// The next try to bind the excluded ports.
    Excluded,
    /// The end of the time after which failures are forgotten.
    Healthy,
    /// The next look whether a HAProxy has let go of its ports.
    Release,
    /// The next try to ask a HAProxy that could not be asked for want of something here.
    Resync,
    /// The end of the drain time.
    Drain,
    /// The end of the time that a process may take to end.
    End,
}
