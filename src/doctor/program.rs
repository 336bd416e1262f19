//! Asks other programs.

use std::{
    ffi::OsStr,
    io::{self, Read},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// They answer within milliseconds. A check is worth no longer wait.
const LIMIT: Duration = Duration::from_secs(1);
/// A host with thousands of rules has some hundred kilobytes.
const MAX_BYTES: u64 = 16 << 20;

/// What the program prints. As PID 1, stalls must not have begun to reap orphans: this child is in no register.
///
/// # Errors
/// It cannot be started, does not end in time, or ends with another code than 0.
pub(super) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = stdout.map_or(Ok(0), |stdout| stdout.take(MAX_BYTES).read_to_end(&mut text));
        // Nobody waits any more if it took too long.
        let _ = sender.send(read.map(|_| text));
    });
    let text = receiver.recv_timeout(LIMIT);
    if text.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    match text {
        Ok(text) if status.success() => Ok(String::from_utf8_lossy(&text?).into_owned()),
        Ok(_) => Err(io::Error::other(format!("it ended with {status}"))),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_a_program_that_succeeds_is_read() {
        assert_eq!(output("echo", &["a", "b"]).unwrap(), "a b\n");
        assert!(output("false", &[]).is_err());
        assert_eq!(output("/nonexistent/program", &[]).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        assert_eq!(output("sleep", &["600"]).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
