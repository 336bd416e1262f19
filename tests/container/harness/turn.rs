//! One test at a time, also among several runs.

use std::{env, fs::File};

/// As long as this lives, no other test uses the engine.
pub(super) struct Turn(#[expect(dead_code, reason = "what counts is that it is open")] File);

impl Turn {
    /// Waits for it.
    pub(super) fn wait() -> Self {
        let path = env::temp_dir().join("stalls-container-tests.lock");
        let file = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.lock().expect("a file can be locked");
        Self(file)
    }
}
