//! The disk: HAProxy's configuration and the saved state.

use std::{future::Future, io, rc::Rc, sync::Arc};

use tokio::time::sleep;

use super::{faults::Fault, scene::Scene};
use crate::{
    config::{CheckError, ConfigError, ConfigStore, HaproxyConfig},
    state::{SavedState, StateError, StateStore},
};

/// What lies on it.
#[derive(Default)]
pub(super) struct Disk {
    state: Option<SavedState>,
    is_state_unreadable: bool,
}

/// Its files, as stalls sees them.
#[derive(Clone)]
pub(super) struct Files(pub(super) Rc<Scene>);

impl Files {
    fn strikes(&self, fault: Fault) -> bool {
        self.0.faults.borrow_mut().strikes(fault, self.0.now())
    }

    /// What takes HAProxy, or the disk, so long.
    async fn work(self, takes_ms: std::ops::Range<u64>) -> Result<(), ConfigError> {
        let takes_ms = if self.strikes(Fault::ConfigSlow) { 100..3_000 } else { takes_ms };
        sleep(self.0.draw_ms(takes_ms)).await;
        if !self.strikes(Fault::ConfigFails) {
            return Ok(());
        }
        self.0.trace.say("disk: configuration neither checked nor written");
        Err(match self.0.draw(0..3) {
            0 => CheckError::TimedOut { haproxy: "haproxy".into() }.into(),
            1 => CheckError::NotRun { haproxy: "haproxy".into(), source: io::ErrorKind::OutOfMemory.into() }
                .into(),
            _ => ConfigError::Io { path: "haproxy.cfg".into(), source: io::ErrorKind::StorageFull.into() },
        })
    }

    async fn save_state(self, state: SavedState) -> Result<(), StateError> {
        sleep(self.0.draw_ms(1..30)).await;
        let fails = self.strikes(Fault::StateNotSaved);
        if !fails || self.0.chance(0.3) {
            let mut disk = self.0.disk.borrow_mut();
            disk.state = Some(state);
            disk.is_state_unreadable = false;
        }
        if fails {
            let source = io::ErrorKind::ReadOnlyFilesystem.into();
            return Err(StateError::Io { path: "state.json".into(), source });
        }
        Ok(())
    }
}

/// Spoils the saved state.
pub(super) fn spoil_state(scene: &Scene) {
    scene.disk.borrow_mut().is_state_unreadable = true;
}

impl ConfigStore for Files {
    fn check(&self, _: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        self.clone().work(5..60)
    }

    fn write(&self, _: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        self.clone().work(1..4)
    }
}

impl StateStore for Files {
    fn load(&self) -> Result<Option<SavedState>, StateError> {
        let mut disk = self.0.disk.borrow_mut();
        let loaded = if std::mem::take(&mut disk.is_state_unreadable) {
            disk.state = None;
            let (path, set_aside) = ("state.json".into(), "state.json.unreadable".into());
            Err(StateError::Unreadable { path, reason: "nonsense".into(), set_aside })
        } else {
            Ok(disk.state.clone())
        };
        self.0.state_loaded(loaded.as_ref().ok().and_then(Option::as_ref));
        loaded
    }

    fn save(&self, state: SavedState) -> impl Future<Output = Result<(), StateError>> + 'static {
        self.clone().save_state(state)
    }
}
