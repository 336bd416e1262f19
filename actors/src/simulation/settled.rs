//! What must be true once the troubles are over and time has passed: every port is as the newest document says.

use std::{collections::BTreeMap, net::SocketAddr, rc::Rc, time::Duration};

use super::{instance::Instance, scene::Scene, setup::BASE_PORT, wanted::Wanted};

/// How long it may take until everything is in order after the last fault: the next retry of the metadata and of the
/// disk (5 s each), the next comparison (30 s), which finds that HAProxy does not answer (5 s) and has it release its
/// ports (1 s), the longest pause before the next start (30 s) or the end of a HAProxy that never answers (20 s).
pub(super) const BOUND: Duration = Duration::from_secs(100);
/// How long a change may take when nothing is wrong.
const QUICK: Duration = Duration::from_secs(2);
/// How long where connections are only cut once none is connecting: this change's, and those of the one before.
const QUICK_WITH_CUTS: Duration = Duration::from_secs(9);
/// How long a freed port is kept from containers without an index, with a margin.
const REUSE_DELAY: Duration = Duration::from_secs(62);
/// How long the first start may take.
pub(super) const FIRST_START: Duration = Duration::from_secs(3);
/// How long a container that accepts connections may remain unnoticed.
const NOTICED: Duration = Duration::from_secs(3);
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// Whether everything has to be in order by now.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// From when on everything is to be in order; `None` while it need not be.
    pub(super) from: Option<Duration>,
    /// Since when each port refuses.
    refuses_since: BTreeMap<u16, Duration>,
}

/// Checks now, and again after each pause.
pub(super) fn check(scene: &Rc<Scene>) {
    let is_settled = scene.settled.borrow().from.is_some_and(|from| scene.now() >= from);
    let changed_at = scene.world.borrow().changed_at.max(scene.watch.borrow().planned_at());
    let quick = if scene.setup.hangs_sessions() { QUICK_WITH_CUTS } else { QUICK };
    let must_be_right = is_settled && scene.now() >= changed_at + quick;
    match note_refusals(scene, must_be_right) {
        Ok(()) if must_be_right => scene.watch.borrow_mut().settle(),
        Ok(()) => {}
        Err(what) => scene.trace.violate(format!("nothing is wrong, but {what}")),
    }
    scene.check_lingering();
    scene.after(CHECK_EVERY, check);
}

fn note_refusals(scene: &Scene, must_be_right: bool) -> Result<(), String> {
    let (world, watch) = (scene.world.borrow(), scene.watch.borrow());
    let containers = &world.newest().1;
    let is_ready = |c: &Instance| match c.health {
        Some(health) => health == "healthy",
        None => c.listens_since().is_some_and(|since| since + NOTICED <= scene.now()),
    };
    let unsteady = watch.unsteady(scene.now());
    let wanted = Wanted::by_document(containers, scene.setup.max_ports, &unsteady, is_ready);
    let host = scene.host.borrow();
    let mut unmapped = wanted.anywhere.clone();
    let since = &mut scene.settled.borrow_mut().refuses_since;
    for port in scene.setup.ports() {
        let landings: Vec<SocketAddr> = host.landings(port).collect();
        if host.is_open(port) {
            since.remove(&port);
        } else {
            since.entry(port).or_insert(scene.now());
        }
        let slot = port - BASE_PORT;
        let is_right = match &landings[..] {
            [] => wanted.fits(slot, None) && !host.is_open(port),
            [only] => {
                wanted.fits(slot, Some(*only))
                    && (wanted.claimed.contains_key(&slot) || unmapped.remove(only))
            }
            _ => false,
        };
        if must_be_right && !is_right && !watch.may_linger(slot, &world, scene.now()) {
            let claimant = wanted.claimed.get(&slot);
            return Err(format!("port {port} leads to {landings:?}, wanted is {claimant:?}"));
        }
    }
    let is_long_free = |(port, since): (&u16, &Duration)| {
        let since = watch.freed_at(*port - BASE_PORT).map_or(*since, |freed| freed.max(*since));
        host.views(*port).next().is_some() && scene.now() - since > REUSE_DELAY
    };
    if must_be_right && !wanted.has_unsteady && !unmapped.is_empty() && since.iter().any(is_long_free) {
        return Err(format!("{unmapped:?} wait for a port though there is one"));
    }
    Ok(())
}

/// Nothing is wrong from now on; until everything is in order it may take so long.
pub(super) fn expect_order(scene: &Scene, within: Duration) {
    scene.settled.borrow_mut().from = Some(scene.now() + within);
}

/// Something is wrong from now on.
pub(super) fn expect_disorder(scene: &Scene) {
    scene.settled.borrow_mut().from = None;
}
