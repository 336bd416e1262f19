//! A source of another kind than Rancher's: it answers as soon as the world has changed, and its lists are proof.

use std::{rc::Rc, sync::Arc, time::Duration};

use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::time::{sleep, timeout};

use super::{faults, instance::Instance, metadata::LIMIT, scene::Scene};
use crate::{
    metadata::{Answer, Fault, Listing, OwnPorts, Source, State},
    testing::web,
};

const UNREACHABLE: &str = "unreachable";
const TIMED_OUT: &str = "timed_out";
const STATUS: &str = "status";
/// Of the service alone nothing can be said.
const SERVICE: &str = "service";

/// The source, with the scene's world.
pub(super) struct Lists {
    scene: Rc<Scene>,
    /// The version of the last list.
    version: Option<u64>,
    /// What was listed last.
    listed: Option<Vec<Instance>>,
}

impl Lists {
    pub(super) fn of(scene: Rc<Scene>) -> Self {
        Self { scene, version: None, listed: None }
    }

    async fn look(&mut self, wait: Duration) -> Result<State, Fault> {
        let changed = Rc::clone(&self.scene.world.borrow().changed);
        let differs = async {
            while self.version == Some(self.scene.world.borrow().newest().0) {
                changed.notified().await;
            }
        };
        let _ = timeout(wait, differs).await;
        self.answers().await?;
        // It is as the world is now: what has changed meanwhile is in it.
        let (version, containers) = self.scene.world.borrow().newest();
        self.version = Some(version);
        let answer = match [faults::Fault::NotFound, faults::Fault::Garbage, faults::Fault::WrongDocument]
            .map(|fault| self.scene.source_fails(fault))
            .contains(&true)
        {
            true => Answer::Failed(fault(SERVICE)),
            false => Answer::Listed(self.list(containers)),
        };
        Ok(State { services: [(web(), answer)].into(), own: OwnPorts::default() })
    }

    /// Waits for as long as an answer takes; fails if a fault strikes. Two answers never come at the same moment.
    async fn answers(&self) -> Result<(), Fault> {
        let takes = if self.scene.source_fails(faults::Fault::Slow) { 100..12_000 } else { 1..8 };
        let takes = self.scene.draw_ms(takes);
        sleep(takes.min(LIMIT)).await;
        if takes >= LIMIT {
            return Err(fault(TIMED_OUT));
        }
        for (strikes, kind) in [(faults::Fault::Unreachable, UNREACHABLE), (faults::Fault::Status, STATUS)] {
            if self.scene.source_fails(strikes) {
                return Err(fault(kind));
            }
        }
        Ok(())
    }

    fn list(&mut self, mut containers: Vec<Instance>) -> Listing {
        let (faults, now) = (self.scene.faults.borrow(), self.scene.now());
        if faults.is_open(faults::Fault::NoAddresses, now) {
            containers.iter_mut().for_each(|container| container.address = None);
        }
        drop(faults);
        let listing = Listing {
            containers: containers.iter().map(|container| Arc::new(container.container())).collect(),
            absence_is_proof: true,
            ..Listing::default()
        };
        if self.listed.as_ref() == Some(&containers) {
            self.scene.confirmed();
        } else {
            self.scene.trace.say(format!("lists: version {:?} is listed", self.version));
            self.scene.document_told(&containers);
            self.listed = Some(containers);
        }
        listing
    }
}

fn fault(kind: &'static str) -> Fault {
    Fault { kind, subject: "lists".into(), reason: "no answer".into() }
}

impl Source for Lists {
    fn fault_kinds(&self) -> &'static [&'static str] {
        &[UNREACHABLE, TIMED_OUT, STATUS, SERVICE]
    }

    fn next(&mut self, wait: Duration) -> LocalBoxFuture<'_, Result<State, Fault>> {
        self.look(wait).boxed_local()
    }
}
