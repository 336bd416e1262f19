//! Clients on every port that must not notice what does not concern it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
    time::Duration,
};

use stalls_lab::{
    client::Held,
    load::{Expect, Load, Targets},
};

use super::{Stage, eventually};

/// How many clients connect all the time.
const CLIENTS: usize = 2;

/// How long each of them waits in between.
const PAUSE: Duration = Duration::from_millis(5);

/// So many connections to random ports are enough to meet each of a few.
const MANY: u64 = 60;

/// Clients connect to every port of a stage all the time, and one connection to each used port is held open.
///
/// Each port has to lead to the pod that it led to before, or to refuse, unless the test has said that it may change. No
/// port may ever lead to another pod than its own.
pub(crate) struct Clients {
    targets: Targets,
    load: Load,
    held: BTreeMap<SocketAddr, Held>,
}

impl Clients {
    /// Begins to connect, once the ports are as they should be.
    pub(crate) async fn begin(stage: &Stage) -> Self {
        let targets = Targets::new();
        let load = Load::with_pause(CLIENTS, &targets, PAUSE);
        let mut clients = Self { targets, load, held: BTreeMap::new() };
        clients.settle(stage).await;
        clients
    }

    /// Allows the ports of these pods of `games/web` to lead nowhere, and to another pod of the same name.
    pub(crate) fn let_change(&mut self, stage: &Stage, ordinals: impl IntoIterator<Item = u16>) {
        for ordinal in ordinals {
            let (port, pod) = stage.place(ordinal);
            self.held.remove(&port);
            self.targets.set(port, Expect::Changing(vec![pod]));
        }
    }

    /// Waits until every port leads to the pod that is ready now; from then on they have to stay so.
    pub(crate) async fn settle(&mut self, stage: &Stage) {
        let pods = stage.settled().await;
        for ordinal in stage.ordinals() {
            let (port, pod) = stage.place(ordinal);
            if !pods.contains_key(&ordinal) {
                self.held.remove(&port);
                self.targets.set(port, Expect::Refused);
                continue;
            }
            if let Entry::Vacant(entry) = self.held.entry(port) {
                let held = Held::connect(port).await.unwrap_or_else(|error| panic!("{port}: {error}"));
                assert_eq!(held.landing().uuid, pod, "{port} leads elsewhere");
                entry.insert(held);
            }
            self.targets.set(port, Expect::Container(pod));
        }
        self.notice_nothing().await;
    }

    /// Waits until there have been many more connections; none of those that are held open may be broken.
    pub(crate) async fn notice_nothing(&mut self) {
        let enough = self.load.so_far().ok + MANY;
        // Where no port is used, no connection leads anywhere.
        if !self.held.is_empty() {
            eventually("many more connections", async || self.load.so_far().ok >= enough).await;
        }
        let report = self.load.so_far();
        assert_eq!(report.failures(), 0, "{report:?}");
        for (port, held) in &mut self.held {
            assert_eq!(held.check().await, Ok(()), "a connection to {port} is broken");
        }
    }

    /// Stops connecting.
    pub(crate) async fn end(mut self) {
        self.notice_nothing().await;
        let report = self.load.stop().await;
        assert_eq!(report.failures(), 0, "{report:?}");
    }
}
