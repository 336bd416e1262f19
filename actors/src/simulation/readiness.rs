//! Which containers accept connections, and how stalls finds out.

use std::{
    future::Future,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use tokio::time::sleep;

use super::{instance::Instance, presence::Kept, scene::Scene};
use crate::{probing::Connect, testing::ms};

/// When a container is ready, once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    /// It has a health check, which succeeds as soon as it is ready.
    pub(super) is_checked: bool,
    /// How long it takes; `None` if it never becomes ready.
    pub(super) takes: Option<Duration>,
    /// How long it keeps a connection that says nothing; `None` if it keeps it for ever.
    pub(super) closes_idle: Option<Duration>,
}

impl Readiness {
    pub(super) fn draw(scene: &Scene) -> Self {
        let takes = scene.choose(&[5, 300, 4_000, 20_000]).unwrap_or_default();
        let is_ever = scene.chance(0.85);
        Self {
            is_checked: scene.draw(0..100) < scene.setup.checked_percent,
            takes: is_ever.then(|| scene.draw_ms(1..takes)),
            closes_idle: scene.chance(0.3).then(|| scene.draw_ms(1..20_000)),
        }
    }
}

impl Instance {
    /// Since when it accepts connections.
    pub(super) fn listens_since(&self) -> Option<Duration> {
        Some(self.runs_since? + self.readiness.takes?)
    }

    /// Whether it is to be found there.
    pub(super) fn is_at(&self, backend: SocketAddr) -> bool {
        self.backend() == Some(backend)
    }
}

/// Connections to containers, as stalls makes them.
#[derive(Clone)]
pub(super) struct Clients(pub(super) Rc<Scene>);

impl Clients {
    async fn connect(self, address: SocketAddr) -> io::Result<Kept> {
        self.0.probed(address);
        sleep(self.0.draw_ms(0..20)).await;
        let reached = {
            let (world, now) = (self.0.world.borrow(), self.0.now());
            let there = world.containers().iter().filter(|c| c.is_at(address) && c.is_alive());
            let there = there.max_by_key(|container| container.age());
            there.filter(|c| c.listens_since().is_some_and(|since| since <= now)).cloned()
        };
        if let Some(container) = reached {
            self.0.reached(address);
            return Ok(Kept::to(self.0, address, &container));
        }
        if self.0.chance(0.3) {
            // The connection is not refused either: it times out.
            sleep(ms(1_000)).await;
        }
        Err(ErrorKind::ConnectionRefused.into())
    }
}

impl Connect for Clients {
    type Connection = Kept;

    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Kept>> + 'static {
        self.clone().connect(address)
    }

    fn is_local(&self, _: IpAddr) -> bool {
        false
    }
}
