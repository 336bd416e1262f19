//! Debian's promtool.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

/// A program of Debian's package.
pub(crate) fn program(name: &str) -> PathBuf {
    PathBuf::from(env::var_os("PROMETHEUS_DIR").expect("tests/monitoring.sh says where Prometheus is"))
        .join(name)
}

/// Runs promtool, which must find no fault.
pub(crate) fn promtool(arguments: &[&str], stdin: &str) {
    let mut child = Command::new(program("promtool"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be started");
    let (mut pipe, stdin) = (child.stdin.take().expect("stdin is a pipe"), stdin.to_owned());
    let writer = thread::spawn(move || pipe.write_all(stdin.as_bytes()));
    let output = child.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {arguments:?}: {}", String::from_utf8_lossy(&said));
    writer.join().expect("no panic").expect("promtool has read all of it");
}
