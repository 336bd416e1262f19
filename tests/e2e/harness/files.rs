//! What stalls keeps on disk.

use std::{fs, path::PathBuf};

use super::Stage;

impl Stage {
    /// `RUN_DIR`, `STATE_DIR` and everything below them.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.launch.run_dir(), self.launch.state_dir()];
        let mut next = 0;
        while let Some(path) = paths.get(next) {
            // What has just been removed has nothing below it.
            let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
            let below: Vec<_> = entries.map(|entry| entry.path()).collect();
            paths.extend(below);
            next += 1;
        }
        paths
    }
}
