//! The service and its life: containers come, go, are replaced, restarted and moved.

mod missing;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    rc::Rc,
    time::Duration,
};

use serde_json::json;
use tokio::sync::Notify;

use super::{instance::Instance, readiness::Readiness, scene::Scene};
use crate::testing::{BACKEND_PORT, ms};

/// More are not started.
const MAX_CONTAINERS: usize = 12;
/// How many older states are kept for a server that falls back to one.
const KEPT: usize = 12;

/// Unless they are to flap, containers change their states only so often.
const STEADY: Duration = Duration::from_secs(60);

/// The last numbers of the addresses that there are: few, so that they are used again and again.
const ADDRESSES: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// The port of a container that has one of its own.
const OWN_PORT: NonZeroU16 = NonZeroU16::new(9000).unwrap();

/// What the source tells of.
pub(super) struct World {
    containers: Vec<Instance>,
    version: u64,
    created: u64,
    /// Those given back last come last.
    free_addresses: Vec<Ipv4Addr>,
    older: VecDeque<(u64, Vec<Instance>)>,
    /// Which container is at each address and port, since when it runs, and since when that is so.
    there: BTreeMap<SocketAddr, (There, Duration)>,
    /// When something was changed last.
    pub(super) changed_at: Duration,
    /// Wakes those that wait for a change.
    pub(super) changed: Rc<Notify>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            containers: Vec::new(),
            version: 1,
            created: 0,
            free_addresses: ADDRESSES.map(|last| Ipv4Addr::new(10, 42, 0, last)).to_vec(),
            older: VecDeque::new(),
            there: BTreeMap::new(),
            changed_at: Duration::ZERO,
            changed: Rc::default(),
        }
    }
}

/// A container, and since when it runs.
type There = Option<(u64, Option<Duration>)>;

/// What may happen to a container, now or later.
#[derive(Clone, Copy, Debug)]
enum Step {
    State(&'static str),
    Health(&'static str),
    GetsAddress,
    LosesAddress,
    Removed,
    Listed(bool),
}

impl World {
    /// All containers of now, whether or not they are listed.
    pub(super) fn containers(&self) -> &[Instance] {
        &self.containers
    }

    /// The version and the listed containers of now.
    pub(super) fn newest(&self) -> (u64, Vec<Instance>) {
        (self.version, self.containers.iter().filter(|container| container.is_listed).cloned().collect())
    }

    /// Those of a while ago.
    pub(super) fn older(&self) -> (u64, Vec<Instance>) {
        self.older.front().cloned().unwrap_or_else(|| self.newest())
    }

    /// Which container is at an address and port, and since when its process is there.
    pub(super) fn there(&self, backend: SocketAddr) -> (Option<String>, Duration) {
        let (there, since) = self.there.get(&backend).copied().unwrap_or_default();
        (there.map(|(create_index, _)| format!("u{create_index}")), since)
    }

    fn note_addresses(&mut self, now: Duration) {
        let backends =
            |port: NonZeroU16| ADDRESSES.map(|last| SocketAddr::from(([10, 42, 0, last], port.get())));
        for backend in [BACKEND_PORT, OWN_PORT].into_iter().flat_map(backends) {
            let at = |c: &&Instance| c.is_alive() && c.is_at(backend);
            let there = self.containers.iter().filter(at).map(|c| (c.create_index, c.runs_since)).max();
            let before = self.there.entry(backend).or_insert((None, now));
            if before.0 != there {
                *before = (there, now);
            }
        }
    }

    fn find(&mut self, create_index: u64) -> Option<&mut Instance> {
        self.containers.iter_mut().find(|container| container.create_index == create_index)
    }

    fn lowest_free_index(&self) -> u64 {
        (1..).find(|index| self.containers.iter().all(|c| c.index != Some(*index))).unwrap_or(u64::MAX)
    }

    fn create(&mut self, scene: &Scene, index: Option<u64>) -> u64 {
        let readiness = Readiness::draw(scene);
        let has_own_port = scene.setup.has_own_ports() && scene.chance(0.4);
        self.created += 1;
        let create_index = self.created;
        self.containers.push(Instance {
            create_index,
            index,
            state: "creating",
            address: None,
            port: has_own_port.then_some(OWN_PORT),
            health: readiness.is_checked.then_some("initializing"),
            readiness,
            runs_since: None,
            is_listed: true,
            disturbed_at: scene.now(),
        });
        create_index
    }

    fn free_address(&self, is_reused_soon: bool) -> Option<Ipv4Addr> {
        let free = &self.free_addresses;
        if is_reused_soon { free.last().copied() } else { free.first().copied() }
    }

    fn take_back_addresses(&mut self) {
        let held: Vec<_> = self.containers.iter().filter_map(|container| container.address).collect();
        self.free_addresses.retain(|address| !held.contains(address));
        for address in ADDRESSES.map(|last| Ipv4Addr::new(10, 42, 0, last)) {
            if !held.contains(&address) && !self.free_addresses.contains(&address) {
                self.free_addresses.push(address);
            }
        }
    }

    /// Begins a new version: something is about to change, if only for others.
    fn note_change(&mut self, now: Duration) {
        self.older.push_back(self.newest());
        if self.older.len() > KEPT {
            self.older.pop_front();
        }
        self.version += 1;
        self.changed_at = now;
        self.changed.notify_waiters();
    }
}

/// A service's document in any order of its containers.
pub(super) fn document(scene: &Scene, containers: &[Instance]) -> Vec<u8> {
    let mut containers: Vec<_> = containers.iter().map(Instance::document).collect();
    scene.shuffle(&mut containers);
    json!({"name": "web", "containers": containers}).to_string().into_bytes()
}

/// Changes the world.
fn change(scene: &Scene, change: impl FnOnce(&mut World)) {
    let mut world = scene.world.borrow_mut();
    world.note_change(scene.now());
    change(&mut world);
    world.take_back_addresses();
    world.note_addresses(scene.now());
}

/// The version changes and nothing else does.
pub(super) fn touch(scene: &Scene) {
    change(scene, |_| {});
}

fn take_step(scene: &Scene, create_index: u64, step: Step) {
    let (is_reused_soon, now) = (scene.chance(0.5), scene.now());
    change(scene, |world| {
        let address = match step {
            Step::GetsAddress => world.free_address(is_reused_soon),
            _ => None,
        };
        match (step, world.find(create_index)) {
            (Step::State(state), Some(container)) => {
                container.state = state;
                container.runs_since = (state == "running").then_some(now);
                container.health = container.health.map(|_| "initializing");
            }
            (Step::Health(health), Some(container)) => container.health = Some(health),
            (Step::GetsAddress, Some(container)) => container.address = address.or(container.address),
            (Step::LosesAddress, Some(container)) => container.address = None,
            (Step::Listed(is_listed), Some(container)) => container.is_listed = is_listed,
            (Step::Removed, _) => world.containers.retain(|c| c.create_index != create_index),
            (_, None) => {}
        }
    });
    scene.trace.say(format!("world: u{create_index} {step:?}"));
    let runs = |c: &&Instance| c.readiness.is_checked && c.state == "running";
    let started = scene.world.borrow_mut().find(create_index).map(|c| &*c).filter(runs).cloned();
    if let (Step::State(_), Some(takes)) = (step, started.and_then(|c| c.readiness.takes)) {
        scene.after(takes, move |scene| be_healthy(scene, create_index));
    }
}

/// A health check succeeds, if the container has been up for long enough.
fn be_healthy(scene: &Scene, create_index: u64) {
    let is_well =
        |container: &&mut Instance| container.listens_since().is_some_and(|since| since <= scene.now());
    let is_well = scene.world.borrow_mut().find(create_index).filter(is_well).is_some();
    if is_well {
        take_step(scene, create_index, Step::Health("healthy"));
    }
}

/// Takes a container through these steps, each some time after the one before.
fn live_through(scene: &Scene, create_index: u64, pause_ms: u64, steps: &[Step]) {
    let mut at = Duration::ZERO;
    for step in steps.iter().copied() {
        at += scene.draw_ms(0..pause_ms.max(2));
        scene.after(at, move |scene| take_step(scene, create_index, step));
    }
}

const START: [Step; 3] = [Step::State("starting"), Step::GetsAddress, Step::State("running")];
const STOP: [Step; 3] = [Step::State("stopping"), Step::State("stopped"), Step::LosesAddress];

fn start(scene: &Scene, index: Option<u64>, pause_ms: u64) -> u64 {
    let mut created = 0;
    change(scene, |world| created = world.create(scene, index));
    scene.trace.say(format!("world: u{created} created with index {index:?}"));
    live_through(scene, created, pause_ms, &START);
    created
}

fn end(scene: &Scene, create_index: u64, pause_ms: u64) {
    live_through(scene, create_index, pause_ms, &[&STOP[..], &[Step::Removed]].concat());
}

fn scale_up(scene: &Scene, pause_ms: u64) {
    let index = scene.world.borrow().lowest_free_index();
    let index = (scene.draw(0..100) < scene.setup.indexed_percent).then_some(index);
    start(scene, index, pause_ms);
}

/// The service as stalls finds it first, and what becomes of it from then on.
pub(super) fn begin(scene: &Rc<Scene>) {
    for _ in 0..scene.draw(0..6) {
        scale_up(scene, 0);
    }
    go_on(scene);
}

fn go_on(scene: &Rc<Scene>) {
    let pause = scene.draw_ms(1..2 * scene.setup.change_every_ms);
    scene.after(pause, |scene| {
        happen(scene);
        go_on(scene);
    });
}

/// Something happens to the service.
fn happen(scene: &Scene) {
    let containers = scene.world.borrow().containers.clone();
    let pause = scene.choose(&[2, 50, 500, 3_000]).unwrap_or(2);
    let some = scene.choose(&containers).map(|container| (container.create_index, container.index));
    let may_grow = containers.len() < MAX_CONTAINERS;
    let may_disturb = some.is_some_and(|(one, _)| may_disturb(scene, one));
    match (scene.draw(0..16), some) {
        (0..=2, _) if may_grow => scale_up(scene, pause),
        (3, _) => {
            let last = containers.iter().max_by_key(|container| container.index).map(|c| c.create_index);
            last.into_iter().for_each(|last| end(scene, last, pause));
        }
        // Start first.
        (4, Some((old, index))) if may_grow => {
            start(scene, index, pause);
            scene.after(scene.draw_ms(1..2 * pause.max(2)), move |scene| end(scene, old, pause));
        }
        // Stop first: the address may be the same again.
        (5, Some((old, index))) => {
            end(scene, old, pause);
            scene.after(ms(4 * pause), move |scene| {
                start(scene, index, pause);
            });
        }
        (6, Some((one, _))) if may_disturb => live_through(scene, one, pause, &[&STOP[..], &START].concat()),
        (7, Some((one, _))) if may_disturb => {
            live_through(scene, one, pause, &[Step::State("restarting"), Step::State("running")]);
        }
        // Flapping.
        (8, Some((one, _))) if scene.setup.has_flapping => {
            let flap = [Step::State("stopped"), Step::State("running"), Step::State("starting")];
            live_through(
                scene,
                one,
                pause.min(500),
                &[&flap.repeat(3)[..], &[Step::State("running")]].concat(),
            );
        }
        (9, Some((one, _))) => live_through(scene, one, pause, &[Step::GetsAddress]),
        (10, Some((one, _))) => share_or_swap(scene, one, &containers),
        // An upgrade of all.
        (11, _) if containers.len() <= MAX_CONTAINERS / 2 && scene.chance(0.3) => {
            for container in &containers {
                let old = container.create_index;
                start(scene, container.index, pause);
                scene.after(ms(2 * pause), move |scene| end(scene, old, pause));
            }
        }
        (12.., Some((one, index))) => missing::happen(scene, one, index, pause, may_grow),
        _ => touch(scene),
    }
}

/// Whether a container may change its state several times now; if so, it will.
fn may_disturb(scene: &Scene, create_index: u64) -> bool {
    let now = scene.now();
    let mut world = scene.world.borrow_mut();
    let may = |container: &&mut Instance| scene.setup.has_flapping || container.disturbed_at + STEADY <= now;
    let may = world.find(create_index).filter(may);
    may.map(|container| container.disturbed_at = now).is_some()
}

/// Two containers change their addresses with each other, or one is said to have the other's.
fn share_or_swap(scene: &Scene, one: u64, containers: &[Instance]) {
    let Some(other) = scene.choose(containers).map(|container| container.create_index) else { return };
    let does_swap = scene.chance(0.7);
    change(scene, |world| {
        let address = |world: &mut World, of| world.find(of).and_then(|container| container.address);
        let (its, others) = (address(world, one), address(world, other));
        if does_swap || its.is_none() {
            world.find(one).into_iter().for_each(|container| container.address = others);
        }
        world.find(other).into_iter().for_each(|container| container.address = its);
    });
    scene.trace.say(format!("world: u{one} and u{other} swap addresses: {does_swap}"));
}
