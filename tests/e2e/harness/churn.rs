//! A world in which nearly everything changes, and clients that check where they land meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use stalls_lab::{
    client::Held,
    load::{Expect, Load, Targets},
    metadata::World,
};

use super::{BASE, Seeded, Stage, end_well, world::claimants};

/// So many containers, those with the lowest indices, are never touched.
pub(crate) const STEADY: u16 = 8;

/// How many ports the pool has.
pub(crate) const CHURN_POOL: u16 = 96;

/// With its beginning and its end, a container then makes no more changes than it may within half a minute.
const MAX_TOGGLES: usize = 3;

/// How many clients connect all the time.
const CLIENTS: usize = 2;

/// Random changes, and the connections that must not notice those of others.
///
/// Clients connect to every used port all the time, and one connection to each is held open. A port that
/// changes may refuse and break connections, and may lead to any container that had it since it was settled
/// last; the others may do nothing of the kind.
pub(crate) struct Churn {
    random: Seeded,
    targets: Targets,
    load: Option<Load>,
    held: BTreeMap<u16, Held>,
    /// The ports that change, each with all containers that it may lead to meanwhile.
    changing: BTreeMap<u16, BTreeSet<String>>,
    /// How often each container has been stopped or started again.
    toggled: BTreeMap<String, usize>,
    /// How often a port has got another container, or none.
    pub(crate) changes: usize,
}

impl Churn {
    /// A stage for it.
    pub(crate) async fn stage() -> Stage {
        Self::prepared().await.started().await
    }

    /// A stage for it on which stalls is not started yet.
    pub(crate) async fn prepared() -> Stage {
        Stage::prepared(48).await.with_pool(CHURN_POOL)
    }

    /// Begins to connect.
    pub(crate) async fn begin(stage: &Stage) -> Self {
        let targets = Targets::new();
        let mut churn = Self {
            random: Seeded::new(),
            load: None,
            targets,
            held: BTreeMap::new(),
            changing: stage.assignments().into_keys().map(|port| (port, BTreeSet::new())).collect(),
            toggled: BTreeMap::new(),
            changes: 0,
        };
        churn.settle(stage).await;
        churn.load = Some(Load::start(CLIENTS, &churn.targets));
        churn
    }

    /// Changes this many things in one version of the world.
    pub(crate) async fn change(&mut self, stage: &mut Stage, things: usize) {
        let mut world = stage.server.read(World::clone);
        for _ in 0..things {
            self.change_something(&mut world);
        }
        let (before, after) = (stage.server.read(|world| claimants(world, BASE)), claimants(&world, BASE));
        let ports: BTreeSet<u16> = before.keys().chain(after.keys()).copied().collect();
        for port in ports {
            let (before, after) = (before.get(&port), after.get(&port));
            if before.and_then(|before| before.last()) != after.and_then(|after| after.last()) {
                // Until a newer one is ready, an older one may have the port.
                self.expect_change(stage, port, before.into_iter().chain(after).flatten());
                self.changes += 1;
            }
        }
        stage.change(|current| *current = world).await;
    }

    /// Changes this many things in one version of the world, and waits until stalls says that all is done. From
    /// then on each port has to be as it should be.
    pub(crate) async fn change_and_settle(&mut self, stage: &mut Stage, things: usize) {
        self.change(stage, things).await;
        stage.applied().await;
        self.narrow(stage).await;
    }

    /// Every port may refuse and every connection may break, until they have settled.
    pub(crate) fn expect_outage(&mut self, stage: &Stage) {
        for (port, uuid) in stage.assignments() {
            self.expect_change(stage, port, [&uuid].into_iter());
        }
    }

    fn expect_change<'a>(&mut self, stage: &Stage, port: u16, to: impl Iterator<Item = &'a String>) {
        let possible = self.changing.entry(port).or_default();
        possible.extend(to.cloned());
        let possible = possible.iter().cloned().collect();
        self.targets.set(stage.address(port), Expect::Changing(possible));
        self.held.remove(&port);
    }

    /// Waits until the ports that change are as they should be; from then on they have to stay so.
    pub(crate) async fn settle(&mut self, stage: &Stage) {
        // A port that one change has freed and the next one assigned again may not have followed either yet.
        stage.applied().await;
        let assignments = stage.assignments();
        for port in self.changing.keys() {
            match assignments.get(port) {
                Some(uuid) => stage.expect_port(*port, uuid).await,
                None => stage.expect_refused(*port).await,
            }
        }
        self.narrow(stage).await;
    }

    /// From now on the ports that have changed have to be as they should be.
    async fn narrow(&mut self, stage: &Stage) {
        let assignments = stage.assignments();
        for port in std::mem::take(&mut self.changing).into_keys() {
            let Some(uuid) = assignments.get(&port) else {
                stage.assert_refused(port).await;
                self.targets.remove(stage.address(port));
                continue;
            };
            self.targets.set(stage.address(port), Expect::Container(uuid.clone()));
            let held = stage.hold(port).await;
            assert_eq!(held.landing().uuid, *uuid, "port {port} leads elsewhere");
            self.held.insert(port, held);
        }
    }

    /// Checks that no connection to a port that did not change is broken.
    pub(crate) async fn check_held(&mut self) {
        for (port, held) in &mut self.held {
            assert_eq!(
                held.check().await,
                Ok(()),
                "a connection to port {port} is broken, which did not change"
            );
        }
    }

    /// Stops connecting, and checks that no connection has failed.
    pub(crate) async fn end(&mut self, stage: &Stage) {
        self.settle(stage).await;
        stage.settled().await;
        end_well(self.load.take().expect("it ends once")).await;
        self.check_held().await;
        assert!((BASE..BASE + STEADY).all(|port| self.held.contains_key(&port)), "some are never touched");
    }

    fn change_something(&mut self, world: &mut World) {
        let web = &mut world.web();
        let scale = web.containers.len();
        let others: Vec<u32> =
            web.containers.iter().map(|c| c.index()).filter(|index| *index > STEADY.into()).collect();
        let room = usize::from(CHURN_POOL) - scale.min(CHURN_POOL.into());
        let Some(index) = self.random.choice(others) else {
            return web.scale_to(scale + 4);
        };
        let is_upgraded = web.containers.iter().filter(|c| c.index() == index).count() > 1;
        match self.random.u8(..16) {
            0..=3 => drop(web.replace(index)),
            4 | 5 => web.remove(index),
            6..=8 => web.scale_to(scale + self.random.usize(..=room.min(4))),
            9 => web.scale_to(scale - self.random.usize(..=2).min(scale - usize::from(STEADY))),
            10 | 11 if is_upgraded => web.finish_upgrade(index),
            10 | 11 => drop(web.begin_upgrade(index)),
            // A container that did so more often would be damped, and stalls would warn of it.
            12 if self.toggles_of(&web.container(index).uuid) < MAX_TOGGLES => {
                *self.toggled.entry(web.container(index).uuid.clone()).or_default() += 1;
                let state = if web.container(index).is_up() { "stopped" } else { "running" };
                web.set_state(index, state);
            }
            13 => {
                web.containers.rotate_left(1);
                web.containers.reverse();
            }
            14 => web.edit(index, |container| {
                container.labels.insert("edited".to_owned(), container.create_index.to_string());
                container.start_count += 1;
            }),
            _ => world.change_something_foreign(),
        }
    }

    fn toggles_of(&self, uuid: &str) -> usize {
        self.toggled.get(uuid).copied().unwrap_or_default()
    }

    /// A number below `limit`.
    pub(crate) fn random(&mut self, limit: usize) -> usize {
        self.random.usize(..limit)
    }
}
