//! The directories of one launch, and what lives on in them.

use std::{
    env,
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::processes;

/// A temporary directory, for `STATE_DIR` and `RUN_DIR` or for whatever else is to be run from it.
///
/// Its names are short, since the path of a Unix socket has room for 107 bytes. Dropping it ends
/// every process that has the directory on its command line, which is HAProxy.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    /// Makes the directory.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[expect(clippy::new_without_default, reason = "a directory is nothing to have by default")]
    pub fn new() -> Self {
        Self::within(&env::temp_dir())
    }

    /// Makes it within this one.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub fn within(parent: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("st").tempdir_in(parent);
        Self(directory.expect("a temporary directory can be made"))
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.path().join("s")
    }

    pub(super) fn run_dir(&self) -> PathBuf {
        self.path().join("r")
    }

    /// The HAProxy processes that serve from here, without those that only check a configuration.
    pub fn haproxy_pids(&self) -> Vec<u32> {
        processes::with_argument(self.path())
            .into_iter()
            .filter(|process| !process.args.iter().any(|arg| arg == b"-c"))
            .map(|process| process.pid)
            .collect()
    }

    pub(super) fn signal_haproxy(&self, signal: Signal) {
        for pid in self.haproxy_pids() {
            // A process may have ended meanwhile.
            processes::signal(pid, self.path(), signal);
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        processes::kill_with_argument(self.path());
    }
}
