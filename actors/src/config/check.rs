//! HAProxy's opinion of a configuration.

use std::{
    io,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use futures_util::future::join;
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::CLI_SOCKET_VARIABLE;
use crate::children::Children;

/// HAProxy checks 10,000 ports in well under a second.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// HAProxy's words beyond this many characters add nothing.
const MAX_WORDS: usize = 2000;
/// A socket is only named: a check binds nothing.
const NO_SOCKET: &str = "/check";

/// Why HAProxy has no opinion. Trying again may help.
#[derive(Debug, Error)]
pub enum CheckError {
    /// HAProxy does not come to an end with it.
    #[error("{} -c has not ended within {} ms; is the machine overloaded?", .haproxy.display(), CHECK_LIMIT.as_millis())]
    TimedOut {
        /// The binary.
        haproxy: PathBuf,
    },
    /// HAProxy could not be asked.
    #[error("{} -c cannot be run: {source}", .haproxy.display())]
    NotRun {
        /// The binary.
        haproxy: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// A HAProxy that is asked for its opinion.
#[derive(Clone, Debug)]
pub struct Checker {
    haproxy: PathBuf,
    children: Children,
}

impl Checker {
    /// Asks the binary `haproxy`.
    pub fn new(haproxy: PathBuf, children: Children) -> Self {
        Self { haproxy, children }
    }

    /// What HAProxy has against the configuration `text`, in its own words on one line; `None` if it accepts it, with
    /// warnings or without.
    ///
    /// # Errors
    /// HAProxy could not be asked.
    pub async fn objections(&self, text: &str) -> Result<Option<String>, CheckError> {
        let not_run = |source| CheckError::NotRun { haproxy: self.haproxy.clone(), source };
        let output = timeout(CHECK_LIMIT, self.run(text.as_bytes()))
            .await
            .map_err(|_| CheckError::TimedOut { haproxy: self.haproxy.clone() })?
            .map_err(not_run)?;
        if output.status.success() {
            return Ok(None);
        }
        if output.status.code().is_none() {
            // Ended by a signal, as when memory is short: that says nothing of the configuration.
            return Err(not_run(io::Error::other(output.status.to_string())));
        }
        Ok(Some(words(&output)))
    }

    /// HAProxy reads its standard input, so that a full disk keeps no configuration from being checked.
    async fn run(&self, text: &[u8]) -> io::Result<Output> {
        let mut command = Command::new(&self.haproxy);
        command.args(["-c", "-f", "/dev/stdin"]).env(CLI_SOCKET_VARIABLE, NO_SOCKET);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut haproxy = self.children.spawn(&mut command)?;
        let (stdin, stderr) = (haproxy.child.stdin.take(), haproxy.child.stderr.take());
        let write = async move {
            if let Some(mut pipe) = stdin {
                // HAProxy may have ended amid it, and then says why.
                let _ = pipe.write_all(text).await;
            }
        };
        let read = async move {
            let mut words = Vec::new();
            if let Some(mut pipe) = stderr {
                pipe.read_to_end(&mut words).await?;
            }
            io::Result::Ok(words)
        };
        let ((), stderr) = join(write, read).await;
        let status = haproxy.wait().await?;
        Ok(Output { status, stdout: Vec::new(), stderr: stderr? })
    }
}

/// What HAProxy said, on one line.
fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    // A notice says which HAProxy speaks.
    let is_said = |line: &&str| !line.is_empty() && !line.starts_with("[NOTICE]");
    let lines: Vec<_> = text.lines().map(str::trim).filter(is_said).collect();
    let words: String = lines.join(" | ").chars().take(MAX_WORDS).collect();
    if words.is_empty() { format!("nothing, and {}", output.status) } else { words }
}
