//! The metadata server.

use std::{future::Future, rc::Rc, time::Duration};

use tokio::time::{sleep, timeout};

use super::{faults::Fault, instance::Instance, scene::Scene, world::document};
use crate::{
    sources::rancher::{MetadataFault, MetadataSource},
    testing::ms,
};

const OWN_SERVICE: &str = "/self/service";
/// The ports that stalls' own service publishes: sometimes fewer than are needed.
const PUBLISHED: &[u8] = br#"{"name":"stalls","ports":["5000-5003:5000-5003/tcp","8405"]}"#;
/// How long the client waits for the head of an answer.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// A server with the scene's world.
#[derive(Clone)]
pub(super) struct Server(pub(super) Rc<Scene>);

impl Server {
    fn strikes(&self, fault: Fault) -> bool {
        self.0.source_fails(fault)
    }

    /// The version and the containers that it reports.
    fn state(&self) -> (u64, Vec<Instance>) {
        let world = self.0.world.borrow();
        let is_open = |fault| self.0.faults.borrow().is_open(fault, self.0.now());
        let (version, mut containers) =
            if is_open(Fault::OlderVersion) { world.older() } else { world.newest() };
        if is_open(Fault::NoContainers) {
            containers.clear();
        }
        if is_open(Fault::HalfOfTheContainers) {
            containers.retain(|container| container.create_index % 2 == 0);
        }
        if is_open(Fault::NoAddresses) {
            containers.iter_mut().for_each(|container| container.address = None);
        }
        (version, containers)
    }

    /// Waits for as long as an answer takes; fails if a fault strikes. Two answers never come at the same moment.
    async fn answers(&self, path: &str) -> Result<(), MetadataFault> {
        let takes = if self.strikes(Fault::Slow) { 100..12_000 } else { 1..8 };
        let takes = self.0.draw_ms(takes);
        if takes >= LIMIT {
            sleep(LIMIT).await;
            return Err(MetadataFault::TimedOut { path: path.into(), limit: LIMIT });
        }
        sleep(takes).await;
        let path = String::from(path);
        if self.strikes(Fault::Unreachable) {
            return Err(MetadataFault::Unreachable { path, reason: "connection refused".into() });
        }
        if self.strikes(Fault::Status) {
            return Err(MetadataFault::Status { path, status: 500 });
        }
        if self.strikes(Fault::NotFound) {
            let message = self.0.choose(&["Not found", "Invalid version"]).unwrap_or_default().into();
            return Err(MetadataFault::NotFound { path, message });
        }
        Ok(())
    }

    async fn version(self, known: Option<String>, wait: Duration) -> Result<String, MetadataFault> {
        let changed = Rc::clone(&self.0.world.borrow().changed);
        let is_known = |server: &Self| known.as_ref() == Some(&version_text(server.state().0));
        if is_known(&self) {
            // The server checks the end of long polls only now and then.
            let end = wait + self.0.draw_ms(0..5_000);
            let differs = async {
                while is_known(&self) {
                    changed.notified().await;
                }
            };
            let _ = timeout(end, differs).await;
        }
        self.answers("/version").await?;
        let version = version_text(self.state().0);
        if Some(&version) == known.as_ref() {
            self.0.confirmed();
        }
        Ok(version)
    }

    async fn document(self, path: String) -> Result<Vec<u8>, MetadataFault> {
        self.answers(&path).await?;
        if path == OWN_SERVICE {
            return Ok(PUBLISHED.to_vec());
        }
        let (version, containers) = self.state();
        let body = document(&self.0, &containers);
        if self.strikes(Fault::Garbage) {
            return Ok(body[..self.0.draw(0..body.len() as u64) as usize].to_vec());
        }
        if self.strikes(Fault::WrongDocument) {
            let wrong =
                [r#"{"name":"other","containers":[]}"#, "[]", "null", r#"{"name":"web","containers":7}"#];
            return Ok(self.0.choose(&wrong).unwrap_or_default().into());
        }
        self.0.trace.say(format!("metadata: version {version} is served"));
        self.0.document_told(&containers);
        Ok(body)
    }
}

fn version_text(version: u64) -> String {
    format!("v{version}")
}

impl MetadataSource for Server {
    fn version(
        &self,
        known: Option<String>,
        wait: Duration,
    ) -> impl Future<Output = Result<String, MetadataFault>> + 'static {
        self.clone().version(known, wait.max(ms(1_000)))
    }

    fn document(&self, path: String) -> impl Future<Output = Result<Vec<u8>, MetadataFault>> + 'static {
        self.clone().document(path)
    }
}
