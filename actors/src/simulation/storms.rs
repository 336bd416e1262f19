//! Storms, in which faults strike, and calms, in which everything has to come to order.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use rustix::process::Signal;

use super::{
    cli::tell,
    disk::spoil_state,
    faults::Fault,
    host::{die, hang, receive_signal},
    scene::{Order, Scene},
    settled::{BOUND, expect_disorder, expect_order},
    world::touch,
};
use crate::{haproxy::Command, testing::ms};

/// The weather of the whole run.
pub(super) fn begin(scene: &Rc<Scene>) {
    let calm = scene.draw_ms(5_000..20_000);
    scene.after(calm, storm);
}

fn storm(scene: &Rc<Scene>) {
    let end = scene.now() + scene.draw_ms(10_000..70_000);
    scene.trace.say(format!("storm until {end:?}"));
    expect_disorder(scene);
    strike(scene, end);
    scene.agenda.enter(end, |scene| {
        scene.trace.say("calm");
        scene.host.borrow_mut().sockets.taken.clear();
        // The server has got its newest data again.
        touch(scene);
        expect_order(scene, BOUND);
        let calm = BOUND + scene.draw_ms(5_000..40_000);
        scene.after(calm, storm);
    });
}

fn strike(scene: &Rc<Scene>, end: Duration) {
    if scene.now() >= end {
        return;
    }
    let fault = scene.faults.borrow_mut().any();
    if let Some(fault) = fault {
        let until = (scene.now() + scene.draw_ms(100..30_000)).min(end);
        scene.trace.say(format!("storm: {fault:?} until {until:?}"));
        happens(scene, fault, until);
    }
    scene.after(scene.draw_ms(50..6_000), move |scene| strike(scene, end));
}

/// A fault strikes now, or may strike from now on.
fn happens(scene: &Rc<Scene>, fault: Fault, until: Duration) {
    let serving = scene.host.borrow().newest_serving();
    match (fault, serving) {
        (Fault::HaproxyDies, Some(serving)) => die(scene, serving, "signal 9"),
        (Fault::HaproxyHangs, Some(serving)) => {
            let time = scene.chance(0.6).then(|| scene.draw_ms(10..20_000));
            hang(scene, serving, time);
        }
        (Fault::HaproxyToldToDrain, Some(serving)) => receive_signal(scene, serving, Signal::USR1),
        (Fault::HaproxyChanged, Some(serving)) => (0..scene.draw(1..4)).for_each(|_| meddle(scene, serving)),
        (Fault::PortTaken, _) => take_port(scene, until),
        (Fault::StallsCrashes, _) => scene.order.set(Some(Order::Crash)),
        (Fault::StallsStops, _) => scene.order.set(Some(Order::Stop)),
        (Fault::StateUnreadable, _) => {
            spoil_state(scene);
            scene.order.set(Some(Order::Crash));
        }
        (fault, _) => {
            scene.faults.borrow_mut().open(fault, until);
            touch(scene);
        }
    }
}

/// Another program uses HAProxy's runtime API.
fn meddle(scene: &Rc<Scene>, generation: u64) {
    let ports: Vec<u16> = scene.setup.ports().collect();
    let Some(port) = scene.choose(&ports) else { return };
    let astray = SocketAddr::from(([10, 66, 0, scene.draw(1..250) as u8], 8080));
    let commands = [
        Command::SetAddress(port, astray),
        Command::DisableFrontend(port),
        Command::EnableFrontend(port),
        Command::SetMaintenance(port),
        Command::SetReady(port),
    ];
    let Some(command) = scene.choose(&commands) else { return };
    let is_serving = scene.host.borrow_mut().find(generation).is_some_and(|process| process.is_serving());
    if is_serving {
        scene.trace.say(format!("another program: {generation} <- {command}"));
        scene.watch.borrow_mut().disturb(port);
        tell(scene, generation, command);
    }
}

/// Another program listens on a port, if it can.
fn take_port(scene: &Rc<Scene>, until: Duration) {
    let sockets = &mut scene.host.borrow_mut().sockets;
    let free: Vec<u16> = scene.setup.ports().filter(|port| !sockets.is_busy(*port)).collect();
    if let Some(port) = scene.choose(&free) {
        scene.trace.say(format!("another program: takes port {port}"));
        sockets.taken.insert(port);
        scene.agenda.enter(until.max(scene.now() + ms(1)), move |scene| {
            scene.host.borrow_mut().sockets.taken.remove(&port);
        });
    }
}
