//! Clients on every port that must not notice any change.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use stalls_lab::{
    client::Held,
    load::{Expect, Load, Targets},
    metadata::World,
};

use super::{Mapped, Stage, assignments, until};

/// How many clients connect all the time.
const CLIENTS: usize = 2;

/// How long each of them waits in between.
const PAUSE: Duration = Duration::from_millis(5);

/// So many connections to random ports are enough to meet each of a few ports.
const MANY: u64 = 40;

/// Clients connect to every port all the time, and one connection to each used port is held open.
///
/// Each port has to stay as it was when the test last looked at it: to lead to the same container, or to refuse. Only
/// ports that the world has changed may change, and only when the test allows it.
pub(crate) struct Bystanders {
    targets: Targets,
    load: Load,
    /// Which container has which port, as far as the clients know.
    assignments: BTreeMap<u16, String>,
    held: BTreeMap<u16, Held>,
}

impl Bystanders {
    /// Begins to connect to ports that are as they should be.
    pub(crate) async fn begin(on: &impl Mapped) -> Self {
        let targets = Targets::new();
        let mut begun = Self {
            load: Load::with_pause(CLIENTS, &targets, PAUSE),
            targets,
            assignments: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let assignments = on.assignments();
        for port in on.stage().ports() {
            begun.pin(on, port, assignments.get(&port)).await;
        }
        begun.notice_nothing().await;
        begun
    }

    /// Waits until there have been many more connections; none of those that are held open may be broken.
    pub(crate) async fn notice_nothing(&mut self) {
        let enough = self.load.so_far().ok + MANY;
        until("many more connections", || self.load.so_far().ok >= enough).await;
        let report = self.load.so_far();
        assert_eq!(report.failures(), 0, "{report:?}");
        for (port, held) in &mut self.held {
            assert_eq!(held.check().await, Ok(()), "a connection to port {port} is broken");
        }
    }

    /// Changes the world, and allows the ports that this concerns to follow it.
    pub(crate) async fn change(&mut self, stage: &mut Stage, change: impl FnOnce(&mut World)) {
        let mut world = stage.server.read(World::clone);
        change(&mut world);
        // They may follow before the change is made here.
        self.let_become(stage, &assignments(&world, stage.base));
        stage.change(|current| *current = world).await;
    }

    /// Allows the ports that the world has changed to follow it.
    pub(crate) fn let_follow(&mut self, on: &impl Mapped) {
        self.let_become(on, &on.assignments());
    }

    /// Allows the ports that these assignments change to become so.
    pub(crate) fn let_become(&mut self, on: &impl Mapped, assignments: &BTreeMap<u16, String>) {
        for port in self.changed(assignments) {
            let possible = [self.assignments.get(&port), assignments.get(&port)].into_iter().flatten();
            self.targets.set(on.stage().address(port), Expect::Changing(possible.cloned().collect()));
            self.held.remove(&port);
        }
    }

    /// Waits until they have followed; from then on they have to stay so.
    pub(crate) async fn follow(&mut self, on: &impl Mapped) {
        self.let_follow(on);
        // Before, connections to a successor may be cut with those to its predecessor.
        on.applied().await;
        let assignments = on.assignments();
        for port in self.changed(&assignments) {
            match assignments.get(&port) {
                Some(uuid) => on.stage().expect_port(port, uuid).await,
                None => on.stage().expect_refused(port).await,
            }
            self.pin(on, port, assignments.get(&port)).await;
        }
        self.notice_nothing().await;
    }

    /// Allows this port to move from one container to another; it must lead to one of them, and open connections must
    /// not break.
    pub(crate) fn let_be_taken_over(&self, on: &impl Mapped, port: u16, old: &str, new: &str) {
        self.targets.set(on.stage().address(port), Expect::AnyOf([old, new].map(str::to_owned).into()));
    }

    /// From now on this port has to lead to the new container; open connections must not break.
    pub(crate) fn is_taken_over(&mut self, on: &impl Mapped, port: u16, new: &str) {
        self.assignments.insert(port, new.to_owned());
        self.targets.set(on.stage().address(port), Expect::Container(new.to_owned()));
    }

    /// Allows these ports to lead nowhere for a while; open connections must not break.
    pub(crate) fn let_refuse(&self, on: &impl Mapped, ports: impl IntoIterator<Item = u16>) {
        for port in ports {
            let possible = self.assignments.get(&port).cloned().into_iter().collect();
            self.targets.set(on.stage().address(port), Expect::Changing(possible));
        }
    }

    /// Allows free ports to be open for a moment, as when a HAProxy is adopted; they must lead nowhere.
    pub(crate) fn let_free_ports_open(&self, on: &impl Mapped) {
        self.set_free_ports(on, &Expect::Changing(Vec::new()));
    }

    /// From now on free ports have to refuse.
    pub(crate) fn free_ports_refuse(&self, on: &impl Mapped) {
        self.set_free_ports(on, &Expect::Refused);
    }

    fn set_free_ports(&self, on: &impl Mapped, expect: &Expect) {
        for port in on.stage().ports().filter(|port| !self.assignments.contains_key(port)) {
            self.targets.set(on.stage().address(port), expect.clone());
        }
    }

    /// Allows every port to lead nowhere for a while, and to break its connections.
    pub(crate) fn let_break(&mut self, on: &impl Mapped) {
        self.let_refuse(on, on.stage().ports());
        self.held.clear();
    }

    /// Waits until every port is as it should be; from then on they have to stay so.
    pub(crate) async fn recover(&mut self, on: &impl Mapped) {
        on.applied().await;
        on.settled().await;
        let assignments = on.assignments();
        for port in on.stage().ports() {
            self.pin(on, port, assignments.get(&port)).await;
        }
        self.notice_nothing().await;
    }

    /// Stops connecting.
    pub(crate) async fn end(mut self) {
        self.notice_nothing().await;
        let report = self.load.stop().await;
        assert_eq!(report.failures(), 0, "{report:?}");
    }

    fn changed(&self, assignments: &BTreeMap<u16, String>) -> BTreeSet<u16> {
        let ports = self.assignments.keys().chain(assignments.keys()).copied();
        ports.filter(|port| self.assignments.get(port) != assignments.get(port)).collect()
    }

    /// From now on the port has to lead to this container, or to refuse.
    async fn pin(&mut self, on: &impl Mapped, port: u16, uuid: Option<&String>) {
        let Some(uuid) = uuid else {
            self.assignments.remove(&port);
            return self.targets.set(on.stage().address(port), Expect::Refused);
        };
        self.assignments.insert(port, uuid.clone());
        self.targets.set(on.stage().address(port), Expect::Container(uuid.clone()));
        if self.held.contains_key(&port) {
            return;
        }
        let held = on.stage().hold(port).await;
        assert_eq!(held.landing().uuid, *uuid, "port {port} leads elsewhere");
        self.held.insert(port, held);
    }
}
