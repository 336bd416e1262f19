//! Each folder below `tests/recordings/` is a recording, as `RECORD_DIR` has it, with what `stalls replay` prints of it.
//! So a report with a recording becomes a test: put the folder there, and the output into its `expected.txt`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends at once and says why"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn every_recording_is_replayed_as_expected() {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for recording in recordings {
        let output = Command::new(env!("CARGO_BIN_EXE_stalls"))
            .env_clear()
            .arg("replay")
            .arg(&recording)
            .output()
            .expect("stalls can be run");
        let (printed, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let expected = fs::read_to_string(recording.join("expected.txt")).unwrap_or_default();
        assert!(
            output.status.success() && printed == expected,
            "{0} is replayed otherwise than {0}/expected.txt says, {1}:\n{printed}{errors}",
            recording.display(),
            output.status,
        );
    }
}
