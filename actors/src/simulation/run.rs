//! One run: stalls starts and ends again and again in one world, from one seed.

use std::{rc::Rc, time::Duration};

use tokio::{runtime::Builder, task::LocalSet};

use super::{
    host::connect,
    scene::{Order, Scene},
    settled::{self, BOUND, FIRST_START, expect_order},
    stalls::{DRAIN, Stalls},
    storms, world,
};
use crate::messages::Leave;

/// How long a run lasts, in virtual time.
const LENGTH: Duration = Duration::from_secs(600);
/// What stalls may take to end beyond HAProxy's drain time, as the binary has it.
const END_MARGIN: Duration = Duration::from_secs(5);

/// What came of a run.
pub(super) struct Outcome {
    /// What must not have happened.
    pub(super) violation: Option<String>,
    /// Everything that happened.
    pub(super) trace: String,
    /// How often a port led to a container that was not its own, as rule 6 allows for a while.
    pub(super) strangers: usize,
}

/// Lets everything happen that follows from this seed.
pub(super) fn run(seed: u64) -> Outcome {
    // The clock stands still from the beginning: else some of the real time would get in.
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (trace, strangers) = runtime.block_on(async {
        let scene = Scene::new(seed);
        scene.trace.say(format!("{:?}", scene.setup));
        live(&scene).await;
        let strangers = scene.watch.borrow().strangers.len();
        (scene.trace.clone(), strangers)
    });
    Outcome { violation: trace.violation(), trace: trace.text(), strangers }
}

async fn live(scene: &Rc<Scene>) {
    world::begin(scene);
    storms::begin(scene);
    visit(scene);
    expect_order(scene, FIRST_START);
    scene.after(Duration::ZERO, settled::check);
    while scene.now() < LENGTH && scene.trace.violation().is_none() {
        // Dropped, it takes all actors with it at once.
        let life = LocalSet::new();
        life.run_until(live_once(scene)).await;
        drop(life);
        if scene.now() >= LENGTH {
            return;
        }
        let down = scene.draw_ms(1..5_000);
        scene.pass_until(scene.now() + down, || false).await;
        if scene.settled.borrow().from.is_some() {
            expect_order(scene, BOUND);
        }
    }
}

async fn live_once(scene: &Rc<Scene>) {
    scene.trace.say("stalls: starts");
    scene.life_begins();
    let stalls = Stalls::start(scene);
    scene.pass_until(LENGTH, || scene.order.get().is_some()).await;
    let order = scene.order.take();
    scene.life_is_to_end();
    if order != Some(Order::Stop) {
        return scene.trace.say("stalls: is killed");
    }
    scene.trace.say("stalls: is told to stop");
    stalls.shut_down(Leave::Drained);
    let deadline = scene.now() + DRAIN + END_MARGIN;
    scene.pass_until(deadline, || stalls.has_ended()).await;
    // Orders given meanwhile are void.
    scene.order.set(None);
    if !stalls.has_ended() {
        scene.trace.violate("the actors did not end in time");
    }
    let left: Vec<_> = scene.host.borrow().processes.keys().copied().collect();
    if !left.is_empty() {
        scene.trace.violate(format!("HAProxy processes {left:?} are left running"));
    }
}

/// Clients come and go.
fn visit(scene: &Rc<Scene>) {
    let ports: Vec<u16> = scene.setup.ports().collect();
    scene.choose(&ports).into_iter().for_each(|port| connect(scene, port));
    scene.after(scene.draw_ms(50..1_500), visit);
}
