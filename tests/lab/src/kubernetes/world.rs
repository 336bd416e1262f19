//! The cluster that the server tells about: its pods, and what has happened to them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use super::{
    event::Event,
    pod::{Deletion, Phase, Pod},
    stateful_set::{Set, StatefulSet},
};
use crate::{addresses::AddressPool, backend::Identity, ids::Ids};

/// The seed of a world's identifiers: the same in each run, so that two runs' logs can be compared.
const IDS_SEED: u64 = 0x57a1_1508;

/// How long a pod has to end, in seconds.
const GRACE: u64 = 30;

/// A namespace and a name.
type Key = (String, String);

/// A cluster. Whatever is done to it gets a version of its own, one higher than the last.
#[derive(Clone, Debug)]
pub struct World {
    pub(super) version: u64,
    pub(super) pods: BTreeMap<Key, Pod>,
    pub(super) sets: BTreeMap<Key, Set>,
    pub(super) events: Vec<Event>,
    /// What happened up to this version is not told any more.
    pub(super) compacted: u64,
    ids: Ids,
    addresses: AddressPool,
}

impl World {
    /// A cluster without pods; those that run get their addresses from this pool.
    pub fn new(addresses: AddressPool) -> Self {
        Self {
            version: 1,
            pods: BTreeMap::new(),
            sets: BTreeMap::new(),
            events: Vec::new(),
            compacted: 0,
            ids: Ids::new(IDS_SEED),
            addresses,
        }
    }

    /// The StatefulSet of this name; a new one has no pods.
    pub fn stateful_set(&mut self, namespace: &str, name: &str) -> StatefulSet<'_> {
        let key = (namespace.to_owned(), name.to_owned());
        self.sets.entry(key.clone()).or_insert_with(|| Set::new(name, self.ids.uuid()));
        StatefulSet { world: self, key }
    }

    /// The pod.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn pod(&self, namespace: &str, name: &str) -> &Pod {
        self.find(namespace, name).unwrap_or_else(|| panic!("there is no pod {namespace}/{name}"))
    }

    /// The pod, if there is one.
    pub fn find(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pods.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The pods of a namespace, in order of their names.
    pub fn pods(&self, namespace: &str) -> impl Iterator<Item = &Pod> {
        self.pods.values().filter(move |pod| pod.namespace == namespace)
    }

    /// Creates a pod, and gives it an address if it runs and has none. Returns its uid.
    ///
    /// # Panics
    ///
    /// When there is one of this name.
    pub fn create(&mut self, pod: Pod) -> String {
        let taken = self.find(&pod.namespace, &pod.name).is_some();
        assert!(!taken, "there is a pod {}/{} already", pod.namespace, pod.name);
        let created = Pod { uid: self.ids.uuid(), created: self.version, ..pod };
        let created = self.addressed(created);
        let uid = created.uid.clone();
        self.happens(None, Some(created));
        uid
    }

    /// Edits the pod, and gives it an address if it runs by then and has none.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn edit(&mut self, namespace: &str, name: &str, edit: impl FnOnce(&mut Pod)) {
        let before = self.pod(namespace, name).clone();
        let mut after = before.clone();
        edit(&mut after);
        let after = self.addressed(after);
        self.happens(Some(before), Some(after));
    }

    /// Asks the pod to end: it has half a minute.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn delete(&mut self, namespace: &str, name: &str) {
        self.end_within(namespace, name, GRACE);
    }

    /// The pod has ended, or somebody does not wait for that: it is gone.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn remove(&mut self, namespace: &str, name: &str) {
        self.end_within(namespace, name, 0);
        let gone = self.pod(namespace, name).clone();
        for ip in &gone.ips {
            if let IpAddr::V4(ip) = ip {
                self.addresses.give_back(*ip);
            }
        }
        self.happens(Some(gone), None);
    }

    /// Something happens in the cluster that does not concern pods.
    pub fn change_something_foreign(&mut self) {
        self.version += 1;
    }

    /// Forgets what has happened so far: a request for it is told that it has expired.
    pub fn compact(&mut self) {
        self.compacted = self.version;
    }

    /// The processes that run: each running pod's, on all of its addresses and ports; but none at a node's address.
    pub fn backends(&self) -> BTreeMap<SocketAddr, Identity> {
        let running = self.pods.values().filter(|pod| pod.phase == Phase::Running && !pod.host_network);
        running.flat_map(backends_of).collect()
    }

    fn end_within(&mut self, namespace: &str, name: &str, grace: u64) {
        let at = self.version + grace;
        self.edit(namespace, name, |pod| pod.deletion = Some(Deletion { at, grace }));
    }

    fn addressed(&mut self, mut pod: Pod) -> Pod {
        if pod.phase == Phase::Running && pod.ips.is_empty() {
            pod.ips.push(self.addresses.take().into());
        }
        pod
    }

    fn happens(&mut self, before: Option<Pod>, after: Option<Pod>) {
        self.version += 1;
        let version = self.version;
        let after = after.map(|after| Pod { version, ..after });
        let pod = before.as_ref().or(after.as_ref()).expect("a pod is there before or after");
        let key = (pod.namespace.clone(), pod.name.clone());
        match &after {
            Some(after) => drop(self.pods.insert(key, after.clone())),
            None => drop(self.pods.remove(&key)),
        }
        self.events.push(Event { version, before, after });
    }
}

fn backends_of(pod: &Pod) -> impl Iterator<Item = (SocketAddr, Identity)> {
    let identity = Identity { uuid: pod.uid.clone(), name: pod.name.clone() };
    let addresses =
        pod.ips.iter().flat_map(|ip| pod.ports.iter().map(|port| SocketAddr::new(*ip, port.number)));
    addresses.map(move |address| (address, identity.clone()))
}
