//! What must be true soon after a start has failed: the HAProxy that serves on listens on the ports that it reports

use std::{rc::Rc, time::Duration};

use super::{process::Phase, scene::Scene};

/// stalls needs less to notice the end of a process, to query the other and to open its ports again; the next start
/// follows no sooner.
const REPAIRED: Duration = Duration::from_millis(40);

/// A generation that took over the sockets of `live` has failed to start: it may have opened some, and closed some.
pub(super) fn expect_repaired(scene: &Scene, failed: u64, live: u64) {
    scene.after(REPAIRED, move |scene| {
        if let Some(port) = mismatched_port(scene, failed, live) {
            scene
                .trace
                .violate(format!("{live} does not listen on port {port} as it reports, {failed} has ended"));
        }
    });
}

fn mismatched_port(scene: &Rc<Scene>, failed: u64, live: u64) -> Option<u16> {
    let host = scene.host.borrow();
    let others_start = host.processes.values().any(|process| process.phase == Phase::Starting);
    // The next one takes over the same sockets, and may open any of them.
    let has_successor = host.processes.iter().any(|(g, next)| *g > failed && next.inherit == Some(live));
    let process = host.processes.get(&live).filter(|p| p.is_serving() && !p.is_faulty && !p.is_retired)?;
    if others_start || has_successor || scene.is_stopping() || !scene.watch.borrow().is_at_rest_since(failed)
    {
        return None;
    }
    let is_mismatched = |port: &u16, socket: u64| {
        process.fake.says_open(*port) != host.sockets.listens(socket) && !host.sockets.taken.contains(port)
    };
    process.held.iter().find(|(port, socket)| is_mismatched(port, **socket)).map(|(port, _)| *port)
}
