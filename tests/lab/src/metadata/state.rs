//! The data that the server answers from, and the long polls that wait for its change.

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use super::{
    MetadataOptions, Requests, Saved, World,
    answers::answers,
    api_version::ApiVersion,
    fault::{Fault, RequestKind, Scope},
    path, text,
};
use crate::{http::Request, ids::Ids};

/// `maxWait` when the client says none.
const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(60);

/// The longest `maxWait`.
const MAX_MAX_WAIT: Duration = Duration::from_secs(120);

/// What all connections of one server share.
#[derive(Debug)]
pub(super) struct State {
    data: Mutex<Data>,
    /// Counts the changes.
    changes: watch::Sender<u64>,
    /// The fault in force.
    pub(super) fault: watch::Sender<Option<(Scope, Fault)>>,
    /// What has been asked so far.
    pub(super) requests: watch::Sender<Requests>,
    /// The values that the clients in a long poll know, one each.
    known: watch::Sender<Vec<String>>,
    started: Instant,
    deadline_grid: Duration,
    lose_wake_ups: bool,
}

#[derive(Debug)]
struct Data {
    world: World,
    version: String,
    has_data: bool,
    versions: Ids,
    order: fastrand::Rng,
    shuffle: u64,
    /// The trees that have ever been asked for, as they are now.
    trees: HashMap<(ApiVersion, IpAddr), Arc<Value>>,
}

impl State {
    pub(super) fn new(options: MetadataOptions) -> Self {
        let mut versions = Ids::new(options.seed);
        Self {
            data: Mutex::new(Data {
                world: options.world,
                version: versions.uuid(),
                has_data: options.first_data,
                versions,
                order: fastrand::Rng::with_seed(options.seed),
                shuffle: options.seed,
                trees: HashMap::new(),
            }),
            changes: watch::Sender::new(0),
            fault: watch::Sender::new(None),
            requests: watch::Sender::new(Requests::default()),
            known: watch::Sender::new(Vec::new()),
            started: Instant::now(),
            deadline_grid: options.deadline_grid,
            lose_wake_ups: options.lose_wake_ups,
        }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.data().world)
    }

    /// Changes the world, as a reload of the real server does: new version, new order, and what is asked for
    /// is ready when the long polls wake up.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.reload(|data| {
            data.version = data.versions.uuid();
            change(&mut data.world)
        })
    }

    pub(super) fn saved(&self) -> Saved {
        let data = self.data();
        Saved { world: data.world.clone(), version: data.version.clone() }
    }

    pub(super) fn restore(&self, saved: &Saved) {
        self.reload(|data| {
            data.world.clone_from(&saved.world);
            data.version.clone_from(&saved.version);
        });
    }

    fn reload<T>(&self, load: impl FnOnce(&mut Data) -> T) -> T {
        let mut data = self.data();
        let result = load(&mut data);
        data.shuffle = data.order.u64(..);
        data.build_trees_anew();
        drop(data);
        self.changes.send_modify(|count| *count += 1);
        result
    }

    pub(super) fn deliver_first_data(&self) {
        self.data().has_data = true;
    }

    pub(super) fn has_data(&self) -> bool {
        self.data().has_data
    }

    pub(super) fn version(&self) -> String {
        self.data().version.clone()
    }

    /// A version that no client has seen.
    pub(super) fn random_version(&self) -> String {
        self.data().versions.uuid()
    }

    pub(super) fn count(&self, kind: RequestKind) {
        self.requests.send_modify(|requests| match kind {
            RequestKind::Version => requests.version += 1,
            RequestKind::Document => requests.documents += 1,
        });
    }

    /// Waits for a fault that applies to this kind of request.
    pub(super) async fn fault_for(&self, kind: RequestKind) -> Fault {
        let mut faults = self.fault.subscribe();
        let applies =
            |fault: &Option<(Scope, Fault)>| fault.as_ref().is_some_and(|(scope, _)| scope.covers(kind));
        let fault = faults.wait_for(applies).await.expect("the sender lives as long as the server");
        fault.as_ref().map(|(_, fault)| fault.clone()).expect("only a fault applies")
    }

    /// Waits until no fault is in force.
    pub(super) async fn mended(&self) {
        let mended = self.fault.subscribe().wait_for(Option::is_none).await.map(drop);
        mended.expect("the sender lives as long as the server");
    }

    /// Waits until a client is in a long poll that only a next change will answer.
    pub(super) async fn until_a_client_waits_from_the_current_version(&self) {
        let mut known = self.known.subscribe();
        known
            .wait_for(|known| known.contains(&self.version()))
            .await
            .expect("the sender lives as long as this");
    }

    /// What stands at the request's path now.
    pub(super) fn lookup(&self, api: ApiVersion, request: &Request, client: IpAddr) -> Option<Value> {
        let tree = self.tree(api, client);
        path::lookup(&tree, &request.path[1..]).cloned()
    }

    /// What stands at the request's path, once it differs from the value that the client knows, or
    /// when the client has waited for long enough (`lookupAnswer` in `main.go`).
    pub(super) async fn lookup_waiting(
        &self,
        api: ApiVersion,
        request: &Request,
        client: IpAddr,
    ) -> Option<Value> {
        let (Some("true"), Some(known)) = (request.parameter("wait"), request.parameter("value")) else {
            return self.lookup(api, request, client);
        };
        let max_wait = max_wait(request);
        let asked = Instant::now();
        let mut changes = self.changes.subscribe();
        let _waiting = Waiting::enter(&self.known, known);
        loop {
            changes.mark_unchanged();
            let found = self.lookup(api, request, client);
            let differs = found.as_ref().is_some_and(|value| !is_known(value, known));
            if differs || asked.elapsed() > max_wait {
                return found;
            }
            tokio::select! {
                _ = changes.changed(), if !self.lose_wake_ups => {}
                () = time::sleep_until(self.next_look()) => {}
            }
        }
    }

    /// When the server next checks whether a long poll has waited for long enough.
    fn next_look(&self) -> Instant {
        let grid = self.deadline_grid.as_nanos().max(1);
        let looks = self.started.elapsed().as_nanos() / grid + 1;
        let until = u64::try_from(looks * grid).expect("a server does not run for 500 years");
        self.started + Duration::from_nanos(until)
    }

    fn tree(&self, api: ApiVersion, client: IpAddr) -> Arc<Value> {
        self.data().tree(api, client)
    }

    /// A test that panicked while it changed the world has failed already: others may go on.
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data {
    fn tree(&mut self, api: ApiVersion, client: IpAddr) -> Arc<Value> {
        let Self { world, version, shuffle, trees, .. } = self;
        let build = || Arc::new(answers(world, api, version, *shuffle, client));
        Arc::clone(trees.entry((api, client)).or_insert_with(build))
    }

    fn build_trees_anew(&mut self) {
        for (api, client) in mem::take(&mut self.trees).into_keys() {
            self.tree(api, client);
        }
    }
}

/// A client's entry among those in a long poll, until the poll ends or the client goes away.
struct Waiting<'state> {
    known: &'state watch::Sender<Vec<String>>,
    value: &'state str,
}

impl<'state> Waiting<'state> {
    fn enter(known: &'state watch::Sender<Vec<String>>, value: &'state str) -> Self {
        known.send_modify(|known| known.push(value.to_owned()));
        Self { known, value }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.known.send_modify(|known| {
            if let Some(at) = known.iter().position(|value| value == self.value) {
                known.swap_remove(at);
            }
        });
    }
}

/// How long the client is ready to wait; what is no number counts as not said.
fn max_wait(request: &Request) -> Duration {
    match request.parameter("maxWait").and_then(|seconds| seconds.parse::<i64>().ok()) {
        None | Some(0) => DEFAULT_MAX_WAIT,
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(MAX_MAX_WAIT),
    }
}

/// Whether this is the value that the client says it knows; only leaves ever are.
fn is_known(value: &Value, known: &str) -> bool {
    match value {
        Value::String(_) | Value::Bool(_) | Value::Number(_) => text::listing(value) == known,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
