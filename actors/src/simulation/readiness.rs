//! Which containers accept connections, and how stalls finds out.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use tokio::time::sleep;

use super::{scene::Scene, world::Instance};
use crate::{readiness::Probe, testing::ms};

/// When a container is ready, once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    /// It has a health check, which succeeds as soon as it is ready.
    pub(super) is_checked: bool,
    /// How long it takes; `None` if it never becomes ready.
    pub(super) takes: Option<Duration>,
}

impl Readiness {
    pub(super) fn draw(scene: &Scene) -> Self {
        let takes = scene.choose(&[5, 300, 4_000, 20_000]).unwrap_or_default();
        let is_ever = scene.chance(0.85);
        Self {
            is_checked: scene.draw(0..100) < scene.setup.checked_percent,
            takes: is_ever.then(|| scene.draw_ms(1..takes)),
        }
    }
}

impl Instance {
    /// Since when it accepts connections.
    pub(super) fn listens_since(&self) -> Option<Duration> {
        Some(self.runs_since? + self.readiness.takes?)
    }
}

/// Connections to containers, as stalls makes them.
#[derive(Clone)]
pub(super) struct Clients(pub(super) Rc<Scene>);

impl Clients {
    async fn connect(self, address: SocketAddr) -> bool {
        self.0.probed(address);
        sleep(self.0.draw_ms(0..20)).await;
        let is_reached = {
            let (world, now) = (self.0.world.borrow(), self.0.now());
            let at = |c: &&Instance| c.address.map(IpAddr::from) == Some(address.ip());
            let mut there = world.newest().1.iter().filter(at);
            there.any(|container| container.listens_since().is_some_and(|since| since <= now))
        };
        if is_reached {
            self.0.reached(address);
        } else if self.0.chance(0.3) {
            // The connection is not refused either: it times out.
            sleep(ms(1_000)).await;
        }
        is_reached
    }
}

impl Probe for Clients {
    fn accepts(&self, address: SocketAddr) -> impl Future<Output = bool> + 'static {
        self.clone().connect(address)
    }
}
