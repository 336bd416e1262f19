//! The files of stalls.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Stage;

impl Stage {
    /// `RUN_DIR`, `STATE_DIR` and everything below them.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.launch.run_dir(), self.launch.state_dir()];
        let mut next = 0;
        while let Some(path) = paths.get(next) {
            // A directory that has just been removed has nothing below it.
            let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
            let below: Vec<_> = entries.map(|entry| entry.path()).collect();
            paths.extend(below);
            next += 1;
        }
        paths
    }

    /// The text of every file below `RUN_DIR`.
    pub(crate) fn run_files(&self) -> String {
        texts(&self.paths(), &self.launch.run_dir())
    }

    /// The text of every file below `STATE_DIR`.
    pub(crate) fn state_files(&self) -> String {
        texts(&self.paths(), &self.launch.state_dir())
    }
}

fn texts(paths: &[PathBuf], below: &Path) -> String {
    let files = paths.iter().filter(|path| path.starts_with(below) && path.is_file());
    files
        .filter_map(|path| fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}
