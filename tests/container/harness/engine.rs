//! The container engine, by its command line.

use std::process::{Command, Output};

/// Runs docker, which has to succeed; returns its output.
#[track_caller]
pub(crate) fn docker<S: AsRef<str>>(arguments: &[S]) -> String {
    let output = attempt(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {stderr}", shown(arguments));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs docker, which may fail.
pub(super) fn attempt<S: AsRef<str>>(arguments: &[S]) -> Output {
    let mut docker = Command::new("docker");
    docker.args(arguments.iter().map(AsRef::as_ref));
    docker.output().unwrap_or_else(|error| panic!("docker cannot be started: {error}"))
}

fn shown<S: AsRef<str>>(arguments: &[S]) -> String {
    arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}
