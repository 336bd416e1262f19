//! Replacing HAProxy's configuration file, once HAProxy itself has found no fault with the new one.

#[cfg(test)]
mod tests;

use std::{
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use thiserror::Error;
use tokio::{io::AsyncReadExt, process::Command};

use super::{ConfigText, spare::NextSpare};
use crate::{
    atomic_file::{self, Outlasts, Staged, off_thread},
    children::Children,
    haproxy::CLI_SOCKET_VARIABLE,
};

/// After a power cut nothing runs, and the file is written anew before anything is started with it. To wait for the
/// disk would cost each change more than all the rest of it.
const OUTLASTS: Outlasts = Outlasts::Crash;
/// HAProxy checks 10,000 ports in well under a second.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// HAProxy's words beyond this many characters add nothing.
const LONGEST_WORDS: usize = 2000;

/// Where configurations go. On any error the file stays what it was: the last good one.
pub trait ConfigStore: 'static {
    /// Replaces the file by `text`, once HAProxy has found no fault with it.
    fn check_and_replace(&self, text: ConfigText) -> impl Future<Output = Result<(), WriteError>> + 'static;

    /// Replaces the file by `text`, which is known to be faultless.
    fn replace(&self, text: ConfigText) -> impl Future<Output = Result<(), WriteError>> + 'static;
}

/// Why the file was not replaced.
#[derive(Debug, Error)]
pub enum WriteError {
    /// HAProxy finds fault with it. Trying again would not help.
    #[error("HAProxy rejects it: {words}; it is kept as {}", .kept_as.display())]
    Rejected {
        /// HAProxy's own words.
        words: String,
        /// Where a person can look at it.
        kept_as: PathBuf,
    },
    /// HAProxy does not come to an end with it.
    #[error("{} -c has not ended within {} ms; is the machine overloaded?", .haproxy.display(), CHECK_LIMIT.as_millis())]
    CheckTimedOut {
        /// The binary.
        haproxy: PathBuf,
    },
    /// HAProxy could not be asked.
    #[error("{} -c cannot be run: {source}", .haproxy.display())]
    Check {
        /// The binary.
        haproxy: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl WriteError {
    /// The bounded label for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "rejected",
            Self::Check { .. } => "check",
            Self::CheckTimedOut { .. } => "check_timed_out",
            Self::Io { .. } => "io",
        }
    }
}

/// The file that HAProxy is started with, and the HAProxy that checks it.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    path: PathBuf,
    haproxy: PathBuf,
    children: Children,
    next: NextSpare,
}

impl CheckedFile {
    /// The file `haproxy.cfg` in the folder `run_dir`.
    pub fn in_folder(run_dir: &Path, haproxy: PathBuf, children: Children) -> Self {
        Self { path: run_dir.join("haproxy.cfg"), haproxy, children, next: NextSpare::default() }
    }

    async fn stage_check_commit(self, text: ConfigText) -> Result<(), WriteError> {
        let io_error = |source| WriteError::Io { path: self.path.clone(), source };
        let staged = off_thread(self.staging(&text)).await.map_err(io_error)?;
        let haproxy = || self.haproxy.clone();
        let output = tokio::time::timeout(CHECK_LIMIT, self.check(staged.path()))
            .await
            .map_err(|_| WriteError::CheckTimedOut { haproxy: haproxy() })?
            .map_err(|source| WriteError::Check { haproxy: haproxy(), source })?;
        if output.status.code().is_none() {
            // Ended by a signal, as when memory is short: that says nothing of the configuration.
            let source = io::Error::other(output.status.to_string());
            return Err(WriteError::Check { haproxy: haproxy(), source });
        }
        if !output.status.success() {
            let kept_as = self.path.with_extension("cfg.rejected");
            fs::rename(staged.path(), &kept_as).map_err(io_error)?;
            return Err(WriteError::Rejected { words: words(&output), kept_as });
        }
        let old = off_thread(move || staged.commit()).await.map_err(io_error)?;
        self.next.make(self.path, text, old);
        Ok(())
    }

    async fn stage_commit(self, text: ConfigText) -> Result<(), WriteError> {
        let stage = self.staging(&text);
        let old = off_thread(move || stage()?.commit())
            .await
            .map_err(|source| WriteError::Io { path: self.path.clone(), source })?;
        self.next.make(self.path, text, old);
        Ok(())
    }

    /// What stages `text`, for another thread.
    fn staging(&self, text: &ConfigText) -> impl FnOnce() -> io::Result<Staged> + use<> {
        let (text, path, spare) = (text.clone(), self.path.clone(), self.next.take());
        move || {
            // It may be of no use: the folder was removed, or the disk is full, which may have room again without it.
            let by_spare = spare.and_then(|spare| spare.stage(&text, &path).ok());
            by_spare.map_or_else(|| atomic_file::stage(&path, |file| text.write_to(file), OUTLASTS), Ok)
        }
    }

    /// The socket is only named: a check binds nothing.
    async fn check(&self, candidate: &Path) -> io::Result<Output> {
        let mut command = Command::new(&self.haproxy);
        command
            .arg("-c")
            .arg("-f")
            .arg(candidate)
            .env(CLI_SOCKET_VARIABLE, self.path.with_file_name("check"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut haproxy = self.children.spawn(&mut command)?;
        let mut stderr = Vec::new();
        if let Some(mut pipe) = haproxy.child.stderr.take() {
            pipe.read_to_end(&mut stderr).await?;
        }
        let status = haproxy.child.wait().await?;
        Ok(Output { status, stdout: Vec::new(), stderr })
    }
}

impl ConfigStore for CheckedFile {
    fn check_and_replace(&self, text: ConfigText) -> impl Future<Output = Result<(), WriteError>> + 'static {
        self.clone().stage_check_commit(text)
    }

    fn replace(&self, text: ConfigText) -> impl Future<Output = Result<(), WriteError>> + 'static {
        self.clone().stage_commit(text)
    }
}

/// What HAProxy said, on one line.
fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let words: String = lines.join(" | ").chars().take(LONGEST_WORDS).collect();
    if words.is_empty() { format!("nothing, and {}", output.status) } else { words }
}
