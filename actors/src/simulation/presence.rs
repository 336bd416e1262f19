//! Connections to containers that are kept open.

use std::{future::pending, net::SocketAddr, rc::Rc, time::Duration};

use tokio::time::sleep;

use super::{instance::Instance, scene::Scene};
use crate::probing::{Connection, End};

/// Nothing acknowledges a connection whose container has lost its address.
const SILENCE_MS: u64 = 3_000;

/// A connection to one process of one container.
pub(super) struct Kept {
    scene: Rc<Scene>,
    address: SocketAddr,
    create_index: u64,
    runs_since: Option<Duration>,
}

impl Kept {
    pub(super) fn to(scene: Rc<Scene>, address: SocketAddr, container: &Instance) -> Self {
        let Instance { create_index, runs_since, .. } = *container;
        Self { scene, address, create_index, runs_since }
    }

    fn container(&self) -> Option<Instance> {
        let world = self.scene.world.borrow();
        world.containers().iter().find(|container| container.create_index == self.create_index).cloned()
    }

    /// Whether the process runs, wherever its container is.
    fn runs(&self) -> bool {
        self.container().is_some_and(|c| c.is_alive() && c.runs_since == self.runs_since)
    }

    /// Whether the process runs at the address.
    fn is_there(&self) -> bool {
        let (there, _) = self.scene.world.borrow().there(self.address);
        self.runs() && there == Some(format!("u{}", self.create_index))
    }

    /// Waits until that is over.
    async fn is_over(&self) {
        let changed = Rc::clone(&self.scene.world.borrow().changed);
        loop {
            let next = changed.notified();
            if !self.is_there() {
                return;
            }
            next.await;
        }
    }
}

impl Connection for Kept {
    async fn end(self) -> End {
        let idle = self.container().and_then(|container| container.readiness.closes_idle);
        let closes = async {
            match idle {
                Some(idle) => sleep(idle).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.is_over() => {}
            () = closes => return End::Closed,
        }
        // The address is another one's or nobody's by now, or the process has ended and its kernel says so.
        if self.runs() {
            sleep(self.scene.draw_ms(1..SILENCE_MS)).await;
            End::Broken
        } else if self.scene.chance(0.5) {
            End::Closed
        } else {
            sleep(self.scene.draw_ms(0..20)).await;
            End::Broken
        }
    }
}
