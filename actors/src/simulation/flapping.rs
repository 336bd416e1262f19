//! The containers that change their state so often that stalls may damp them for a while.
//!
//! What exactly it does then depends on the moments at which it learns of each change. Here it is said which ones it may
//! damp, and for how long at most.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use super::{instance::Instance, wanted::serves_at};

/// More changes than these within [`WINDOW`] are too many.
const MAX_CHANGES: usize = 5;
/// 30 s, and what the documents may take on their way to the allocator.
const WINDOW: Duration = Duration::from_secs(45);
/// How long one has to be steady the first time.
const FIRST_PENALTY: Duration = Duration::from_secs(30);

/// What one stalls process was told of each container.
#[derive(Default)]
pub(super) struct Flapping {
    told: BTreeMap<String, Told>,
    has_begun: bool,
}

#[derive(Default)]
struct Told {
    stage: Option<u8>,
    changes: VecDeque<Duration>,
    /// When it first changed too often.
    since: Option<Duration>,
    last_change: Duration,
    served_at: BTreeSet<SocketAddr>,
}

/// Those that may stay as they were, with the places where they have been able to serve.
pub(super) type Unsteady = BTreeMap<String, BTreeSet<SocketAddr>>;

impl Flapping {
    /// Takes note of a document.
    pub(super) fn follow(&mut self, containers: &[Instance], now: Duration) {
        for container in containers {
            self.told.entry(container.uuid()).or_default();
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        for (uuid, told) in &mut self.told {
            let container = containers.iter().find(|container| container.uuid() == *uuid);
            told.served_at.extend(container.and_then(serves_at));
            // To be missing is no change of state.
            let Some(stage) = container.map(stage) else { continue };
            let before = told.stage.replace(stage);
            if !is_first && before != Some(stage) {
                told.note_change(now);
            }
        }
    }

    /// Those that may stay as they were.
    pub(super) fn unsteady(&self, now: Duration) -> Unsteady {
        let unsteady = self.told.iter().filter(|(_, told)| told.may_be_damped(now));
        unsteady.map(|(uuid, told)| (uuid.clone(), told.served_at.clone())).collect()
    }
}

impl Told {
    fn note_change(&mut self, now: Duration) {
        self.last_change = now;
        self.changes.push_back(now);
        self.changes.retain(|at| *at + WINDOW > now);
        if self.changes.len() > MAX_CHANGES {
            self.since.get_or_insert(now);
        }
    }

    /// Each penalty is twice as long as the one before, so none is longer than all before it and one first penalty together.
    /// After the last change the one under way may go on, and be followed by one more.
    fn may_be_damped(&self, now: Duration) -> bool {
        self.since.is_some_and(|since| {
            now < self.last_change + 3 * (self.last_change - since + FIRST_PENALTY) + WINDOW
        })
    }
}

fn stage(container: &Instance) -> u8 {
    match container.state {
        "running" => 3,
        "starting" | "restarting" => 2,
        "stopping" => 1,
        _ => 0,
    }
}
