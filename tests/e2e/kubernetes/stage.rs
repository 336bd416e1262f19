//! A stage with an API server, its pods' processes, and stalls between them.

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

use serde_json::Value;
use stalls_lab::{
    backend::Backends,
    kubernetes::{Asked, KubernetesOptions, KubernetesServer, Phase, Pod, StatefulSet, World},
    stalls::{Told, messages::PLAN_APPLIED},
};

use crate::harness::{BASE, Bystanders, Mapped, SOON, Stage};

/// The namespace of the service, unless a test says otherwise.
pub(super) const GAMES: &str = "games";

/// The StatefulSet.
const WEB: &str = "web";

/// How many ports the pool has: few, so that clients are on each of them often.
const POOL: u16 = 8;

/// The StatefulSet `games/web` on ports from [`BASE`] on; the metadata server of the stage has nothing to say.
pub(super) struct KubernetesStage {
    pub(super) stage: Stage,
    pub(super) server: KubernetesServer,
    backends: Backends,
}

// === Setting up ===

impl KubernetesStage {
    /// Everything runs, and every port is as it should be.
    pub(super) async fn with_replicas(replicas: u32) -> Self {
        Self::prepared(replicas).await.started().await
    }

    /// Everything runs but stalls.
    pub(super) async fn prepared(replicas: u32) -> Self {
        Self::prepared_with(|options| web(&mut options.world).scale_to(replicas)).await
    }

    /// Everything runs but stalls; the cluster is adjusted before it starts, and has no pods before.
    pub(super) async fn prepared_with(adjust: impl FnOnce(&mut KubernetesOptions)) -> Self {
        let stage = Stage::prepared(0).await.with_pool(POOL);
        let mut options = KubernetesOptions::new(World::new(stage.block.container_addresses()));
        options.listen = (stage.block.metadata_ip(), 0).into();
        adjust(&mut options);
        let server = KubernetesServer::start(options).await;
        let mut it = Self { stage, server, backends: Backends::new() };
        it.write_kubeconfig();
        it.pods_follow().await;
        let path = it.kubeconfig();
        it.env("SOURCE", "kubernetes").env("KUBECONFIG", path.display()).env("STACK_NAME", GAMES)
    }

    /// Sets a variable for the next start of stalls.
    pub(super) fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.stage = self.stage.env(name, value);
        self
    }

    /// Leaves a variable out at the next start of stalls.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.stage = self.stage.without(name);
        self
    }

    /// Has stalls map these services, in place of `games/web`.
    pub(super) fn mapping(self, mappings: &str) -> Self {
        let single = ["SERVICE_NAME", "BACKEND_PORT", "BASE_PORT", "PORT_COUNT"];
        single.into_iter().fold(self, Self::without).env("MAPPINGS", mappings)
    }

    /// Starts stalls, and returns when every port is as it should be.
    pub(super) async fn started(mut self) -> Self {
        self.stage.start();
        self.settled().await;
        self.stage.line(PLAN_APPLIED).await;
        self
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.stage.state_dir().with_file_name("kubeconfig")
    }

    /// Writes what the client needs, with the token that the server knows now.
    pub(super) fn write_kubeconfig(&self) {
        self.server.write_kubeconfig(&self.kubeconfig(), None);
    }
}

// === The world ===

impl KubernetesStage {
    /// Changes the world, and lets the pods' processes follow.
    pub(super) async fn change<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = self.server.change(change);
        self.pods_follow().await;
        result
    }

    /// Changes the world; the processes of pods that are gone run on, and so do their connections.
    pub(super) async fn change_lingering<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = self.server.change(change);
        self.backends.start_missing(self.server.read(World::backends)).await;
        result
    }

    /// Starts and ends processes until they are those of the world's pods.
    pub(super) async fn pods_follow(&mut self) {
        self.backends.sync(self.server.read(World::backends)).await;
    }

    /// Changes the world, and allows the ports that this concerns to follow it.
    pub(super) async fn change_beside(
        &mut self,
        bystanders: &mut Bystanders,
        change: impl FnOnce(&mut World),
    ) {
        let mut world = self.server.read(World::clone);
        change(&mut world);
        // They may follow before the change is made here.
        bystanders.let_become(self, &assignments(&world));
        self.change(|current| *current = world).await;
    }

    /// The uid of the pod with this ordinal.
    pub(super) fn uid(&self, ordinal: u32) -> String {
        self.server.read(|world| world.pod(GAMES, &format!("{WEB}-{ordinal}")).uid().to_owned())
    }

    /// Waits until stalls watches the pods and has been told everything.
    pub(super) async fn watched(&self) {
        self.server.await_watched(GAMES, SOON).await;
    }

    /// Waits until this has been asked for after the first `from` requests.
    pub(super) async fn asked_after(&self, from: usize, is_it: impl Fn(&Asked) -> bool) -> Asked {
        self.server.await_asked(|asked| asked[from..].iter().any(&is_it), SOON).await;
        self.server.asked().into_iter().skip(from).find(|asked| is_it(asked)).expect("it has been awaited")
    }
}

impl Mapped for KubernetesStage {
    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn assignments(&self) -> BTreeMap<u16, String> {
        self.server.read(assignments)
    }

    async fn applied(&self) -> Value {
        let (pool, assignments) = (self.stage.ports(), self.assignments());
        let served =
            move |told: &Told| told.applied().filter(|_| told.has(pool.clone(), &assignments)).cloned();
        self.stage.stalls().await_told(served, SOON).await
    }
}

/// The StatefulSet `games/web` of a world.
pub(super) fn web(world: &mut World) -> StatefulSet<'_> {
    world.stateful_set(GAMES, WEB)
}

/// The port of the pod with ordinal *i*, for all `i` of a range.
pub(super) fn ports(ordinals: Range<u16>) -> impl Iterator<Item = u16> {
    ordinals.map(|ordinal| BASE + ordinal)
}

/// Which pod should be reached on which port: the one with ordinal *i* on the port `BASE + i`.
pub(super) fn assignments(world: &World) -> BTreeMap<u16, String> {
    let port = |name: &str| {
        let ordinal: u16 = name.strip_prefix(WEB)?.strip_prefix('-')?.parse().ok()?;
        (ordinal < POOL).then_some(BASE + ordinal)
    };
    let is_served = |pod: &&Pod| pod.phase == Phase::Running && !pod.is_being_deleted();
    let served = world.pods(GAMES).filter(is_served);
    served.filter_map(|pod| Some((port(&pod.name)?, pod.uid().to_owned()))).collect()
}
