//! A swarm, its service `web`, and stalls in front of it.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use stalls_lab::{
    client::{Held, await_landing, await_refused, landing},
    load::{Expect, Load, Targets},
    stalls::{Launch, Stalls, check_form},
};
use tokio::time::sleep;

use super::engine::{Engine, IMAGE};

/// How long anything may take. It only bounds a failure; a node counts as down after some 20 s.
pub(crate) const SOON: Duration = Duration::from_secs(90);

/// The first port of the pool.
const BASE: u16 = 5000;

/// How many ports the pool has.
const POOL: u16 = 6;

/// The attachable overlay network that every task is in.
const NETWORK: &str = "back";

/// The ids of tasks, by slot.
pub(crate) type Tasks = BTreeMap<u16, String>;

/// How stalls gets to the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Each node publishes a port for each task of it; stalls is on the host's network.
    Nodes,
    /// stalls is in the tasks' overlay network, and its own ports are published.
    Overlay,
}

/// A swarm with the service `web`, in which a task says its slot as `web.1` and its id.
pub(crate) struct Stage {
    reach: Reach,
    /// On which node stalls is.
    at: usize,
    stalls: Option<Stalls>,
    pub(crate) engines: Vec<Engine>,
}

impl Stage {
    /// Nodes in a swarm, of which so many are managers, and the service with so many tasks.
    pub(crate) async fn prepared(nodes: u8, managers: u8, reach: Reach, tasks: u16) -> Self {
        let engines: Vec<_> = (1..=nodes).map(Engine::start).collect();
        let stage = Self { reach, at: 0, stalls: None, engines };
        let first = &stage.engines[0];
        let own = first.address().to_string();
        first.docker(&["swarm", "init", "--advertise-addr", &own]);
        for (engine, number) in stage.engines.iter().zip(1..).skip(1) {
            let role = if number <= managers { "manager" } else { "worker" };
            let token = first.docker(&["swarm", "join-token", "--quiet", role]);
            let (address, leader) = (engine.address().to_string(), format!("{own}:2377"));
            engine.docker(&["swarm", "join", "--token", &token, "--advertise-addr", &address, &leader]);
        }
        stage.docker(&["network", "create", "--driver", "overlay", "--attachable", NETWORK]);
        let replicas = tasks.to_string();
        let mut create = vec!["service", "create", "--quiet", "--detach", "--no-resolve-image"];
        create.extend(["--name", "web", "--replicas", &replicas, "--restart-delay", "0s"]);
        create.extend([
            "--env",
            "LAB_UUID={{.Service.Name}}.{{.Task.Slot}}",
            "--env",
            "LAB_NAME={{.Task.ID}}",
        ]);
        // There is no IPVS on every kernel, so no virtual address.
        create.extend(["--endpoint-mode", "dnsrr", "--network", NETWORK]);
        if reach == Reach::Nodes {
            create.extend(["--publish", "mode=host,target=8080"]);
        }
        create.extend([IMAGE, "container", "--grace", "3000"]);
        stage.docker(&create);
        stage.running(tasks).await;
        stage
    }

    /// Everything runs, and every port is as it should be.
    pub(crate) async fn started(nodes: u8, managers: u8, reach: Reach, tasks: u16) -> Self {
        let mut stage = Self::prepared(nodes, managers, reach, tasks).await;
        stage.start_stalls(0, 0);
        stage.settled(1..=tasks).await;
        stage
    }

    /// Starts stalls on this node; it asks the engine of that one.
    pub(crate) fn start_stalls(&mut self, at: usize, asked: usize) {
        self.at = at;
        let node = &self.engines[at];
        let launch = Launch::new(env!("CARGO_BIN_EXE_stalls"), Ipv4Addr::UNSPECIFIED, "")
            .without("METADATA_URL")
            .env("SOURCE", "swarm")
            .env("DOCKER_HOST", self.engines[asked].host())
            .env("PORT_COUNT", POOL);
        let launch = match self.reach {
            Reach::Nodes => launch.through(&["nsenter", &format!("--net=/run/netns/{}", node.name()), "--"]),
            // As in a container that is in the network, with its ports published.
            Reach::Overlay => {
                let ports = format!("{BASE}-{0}:{BASE}-{0}", BASE + POOL - 1);
                let run = ["run", "--detach", "--network", NETWORK, "--publish", &ports, IMAGE, "container"];
                let container = node.docker(&[&run[..], &["--uuid", "stalls"]].concat());
                let pid = node.docker(&["inspect", "--format", "{{.State.Pid}}", &container]);
                launch.through(&["nsenter", "--target", &pid, "--net", "--"])
            }
        };
        self.stalls = Some(launch.start());
    }

    /// The running stalls.
    pub(crate) fn stalls(&self) -> &Stalls {
        self.stalls.as_ref().expect("stalls was started")
    }

    /// Runs a command of Docker's on the node that stalls is on.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        self.engines[self.at].docker(arguments)
    }

    /// The port of this slot.
    pub(crate) fn port(&self, slot: u16) -> SocketAddr {
        (self.engines[self.at].address(), BASE + slot - 1).into()
    }

    /// The ids of the tasks that run and are to run, by slot.
    pub(crate) fn tasks(&self) -> Tasks {
        self.tasks_where("desired-state=running")
    }

    /// Those of them that are on this node.
    pub(crate) fn tasks_on(&self, node: &str) -> Tasks {
        let on_it = self.tasks_where(&format!("node={node}"));
        let all = self.tasks();
        on_it.into_iter().filter(|(slot, id)| all.get(slot) == Some(id)).collect()
    }

    fn tasks_where(&self, filter: &str) -> Tasks {
        let format = "{{.Name}} {{.CurrentState}} {{.ID}}";
        let all =
            self.docker(&["service", "ps", "--no-trunc", "--filter", filter, "--format", format, "web"]);
        let task = |line: &str| {
            let mut words = line.split(' ');
            let slot = words.next()?.strip_prefix("web.")?.parse().ok()?;
            let runs = words.next()? == "Running";
            runs.then(|| Some((slot, words.next_back()?.to_owned())))?
        };
        all.lines().filter_map(task).collect()
    }

    /// Waits until others run in the slots of these tasks.
    pub(crate) async fn replaced(&self, before: &Tasks) {
        let is_replaced = |now: &Tasks, slot, id| now.get(slot).is_some_and(|now| now != id);
        until("the tasks are replaced", || {
            let now = self.tasks();
            before.iter().all(|(slot, id)| is_replaced(&now, slot, id))
        })
        .await;
    }

    /// Waits until so many tasks run.
    pub(crate) async fn running(&self, tasks: u16) {
        until("as many tasks run", || self.tasks().len() == usize::from(tasks)).await;
    }

    /// Waits until the ports of these slots lead to their tasks, and the others refuse.
    pub(crate) async fn settled(&self, slots: impl IntoIterator<Item = u16>) {
        let slots: Vec<_> = slots.into_iter().collect();
        for slot in 1..=POOL {
            let met = match slots.contains(&slot) {
                true => await_landing(self.port(slot), &format!("web.{slot}"), SOON).await,
                false => await_refused(self.port(slot), SOON).await,
            };
            met.unwrap_or_else(|not_yet| panic!("{not_yet}"));
        }
    }

    /// Waits until the port of this slot leads to the task with this id.
    pub(crate) async fn leads_to(&self, slot: u16, task: &str) {
        let port = self.port(slot);
        let mut patience = SOON;
        while !landing(port).await.is_ok_and(|landing| landing.name == task) {
            patience =
                patience.checked_sub(CHECK_EVERY).unwrap_or_else(|| panic!("{port} does not lead to {task}"));
            sleep(CHECK_EVERY).await;
        }
    }

    /// Opens a connection that stays.
    pub(crate) async fn hold(&self, slot: u16) -> Held {
        Held::connect(self.port(slot)).await.unwrap_or_else(|error| panic!("slot {slot}: {error}"))
    }

    /// Clients connect to the ports of these slots all the time, which have to lead there.
    pub(crate) fn load(&self, slots: impl IntoIterator<Item = u16>) -> Load {
        let targets = Targets::new();
        for slot in slots {
            targets.set(self.port(slot), Expect::Container(format!("web.{slot}")));
        }
        Load::with_pause(4, &targets, Duration::from_millis(5))
    }
}

/// The pause between two checks of a condition that cannot be awaited.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut patience = SOON;
    while !is_so() {
        patience = patience.checked_sub(CHECK_EVERY).unwrap_or_else(|| panic!("it is not so that {what}"));
        sleep(CHECK_EVERY).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(stalls) = self.stalls.as_ref().filter(|_| !std::thread::panicking()) {
            stalls.log_texts().iter().for_each(|line| check_form(line));
        }
    }
}
