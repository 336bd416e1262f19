//! What all connections of one server share.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::{broadcast, watch};

use super::{
    KubernetesOptions,
    event::{found, nothing_until},
    fault::{Disturbance, Fault, Scope},
    list::Rests,
    request::{Asked, List, Watch},
    status::Status,
    world::World,
};

/// So many disturbances a watch may be late with; a test makes a few.
const DISTURBANCES: usize = 64;

#[derive(Debug)]
pub(super) struct State {
    data: Mutex<Data>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
    pub(super) fault: watch::Sender<Option<(Scope, Fault)>>,
    pub(super) asked: watch::Sender<Vec<Asked>>,
    disturbances: broadcast::Sender<(Option<String>, Disturbance)>,
    /// The watches that run, each with the version up to which it has told all.
    pub(super) running: watch::Sender<BTreeMap<u64, Running>>,
}

/// A watch that runs.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) namespace: String,
    /// The version up to which it has told everything.
    pub(super) told: u64,
}

#[derive(Debug)]
struct Data {
    world: World,
    rests: Rests,
    token: String,
    expires_by_status: bool,
    watches: u64,
}

impl State {
    pub(super) fn new(options: KubernetesOptions) -> Self {
        Self {
            data: Mutex::new(Data {
                world: options.world,
                rests: Rests::default(),
                token: options.token,
                expires_by_status: options.expires_by_status,
                watches: 0,
            }),
            changes: watch::Sender::new(0),
            fault: watch::Sender::new(None),
            asked: watch::Sender::new(Vec::new()),
            disturbances: broadcast::Sender::new(DISTURBANCES),
            running: watch::Sender::new(BTreeMap::new()),
        }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.data().world)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.data().world);
        self.changes.send_modify(|count| *count += 1);
        result
    }

    pub(super) fn version(&self) -> u64 {
        self.read(|world| world.version)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn token(&self) -> String {
        self.data().token.clone()
    }

    pub(super) fn replace_token(&self, token: &str) {
        token.clone_into(&mut self.data().token);
    }

    pub(super) fn expires_by_status(&self) -> bool {
        self.data().expires_by_status
    }

    /// The fault in force for this request.
    pub(super) fn fault_for(&self, asked: &Asked) -> Option<Fault> {
        let fault = self.fault.borrow();
        let covers = |scope: &Scope| scope.covers(&asked.verb, asked.namespace.as_deref());
        fault.as_ref().filter(|(scope, _)| covers(scope)).map(|(_, fault)| fault.clone())
    }

    /// Waits until no fault is in force.
    pub(super) async fn mended(&self) {
        let mended = self.fault.subscribe().wait_for(Option::is_none).await.map(drop);
        mended.expect("the sender lives as long as the server");
    }

    pub(super) fn list(&self, list: &List) -> Result<Value, Status> {
        let Data { world, rests, .. } = &mut *self.data();
        rests.list(world, list)
    }

    /// Where a watch begins, and what it tells first.
    pub(super) fn begin(&self, watch: &Watch) -> Result<(u64, Vec<Value>), Status> {
        self.read(|world| match watch.from {
            Some(version) if version < world.compacted => Err(Status::expired(version, world.compacted)),
            Some(version) => Ok((version, Vec::new())),
            None => {
                let pods = world.pods(&watch.namespace).filter(|pod| watch.selector.matches(&pod.labels));
                Ok((world.version, pods.map(found).collect()))
            }
        })
    }

    /// What has happened since this version, and up to which.
    pub(super) fn since(&self, version: u64, watch: &Watch) -> (u64, Vec<Value>) {
        self.read(|world| {
            let fresh = world.events.iter().filter(|event| event.version > version);
            let told = fresh.filter_map(|event| event.told(&watch.namespace, &watch.selector)).collect();
            (world.version.max(version), told)
        })
    }

    /// A bookmark of now.
    pub(super) fn bookmark(&self, told: u64) -> Value {
        nothing_until(self.version().max(told))
    }

    /// Tells all watches of this namespace, or of all, that they are disturbed.
    pub(super) fn disturb(&self, namespace: Option<&str>, disturbance: Disturbance) {
        // Without a watch there is nobody to be told.
        let _ = self.disturbances.send((namespace.map(str::to_owned), disturbance));
    }

    /// A watch's entry among those that run.
    pub(super) fn enter(&self, namespace: &str, told: u64) -> Entry<'_> {
        let number = {
            let mut data = self.data();
            data.watches += 1;
            data.watches
        };
        let disturbances = self.disturbances.subscribe();
        let running = Running { namespace: namespace.to_owned(), told };
        self.running.send_modify(|all| drop(all.insert(number, running)));
        Entry { state: self, number, namespace: namespace.to_owned(), disturbances }
    }

    /// A test that panicked while it changed the world has failed already: others may go on.
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watch's entry among those that run, until it ends.
pub(super) struct Entry<'state> {
    state: &'state State,
    number: u64,
    namespace: String,
    disturbances: broadcast::Receiver<(Option<String>, Disturbance)>,
}

impl Entry<'_> {
    /// It has told all up to this version.
    pub(super) fn told(&self, version: u64) {
        self.state.running.send_modify(|all| {
            if let Some(running) = all.get_mut(&self.number) {
                running.told = version;
            }
        });
    }

    /// What happens to it next.
    pub(super) async fn disturbed(&mut self) -> Disturbance {
        loop {
            let (namespace, disturbance) =
                self.disturbances.recv().await.expect("the sender lives as long as the server");
            if namespace.is_none_or(|namespace| namespace == self.namespace) {
                return disturbance;
            }
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.state.running.send_modify(|all| drop(all.remove(&self.number)));
    }
}
