//! HAProxy's opinion of a configuration, and the copy of it for people.

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join;
use thiserror::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::{CLI_SOCKET_VARIABLE, HaproxyConfig, RenderError, Renderer};
use crate::{
    atomic_file::{Durability, off_thread, write_atomically},
    children::Children,
};

/// HAProxy checks 10,000 ports in well under a second.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// HAProxy's words beyond this many characters add nothing.
const MAX_WORDS: usize = 2000;

/// Where configurations are checked, and kept for people.
pub trait ConfigStore: 'static {
    /// Has HAProxy check a configuration.
    fn check(&self, config: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static;

    /// Replaces the copy for people. On any error it stays what it was.
    fn write(&self, config: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static;
}

/// Why a configuration was not accepted, or not written.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// There is no text of it.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// HAProxy finds fault with it. Trying again would not help.
    #[error("HAProxy rejects it: {words}; it is kept as {}", .kept_as.display())]
    Rejected {
        /// HAProxy's own words. The lines that they name are those of the kept file.
        words: String,
        /// Where a person can look at it, unless it could not be written.
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

impl ConfigError {
    /// The bounded label for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Render(_) => "render",
            Self::Rejected { .. } => "rejected",
            Self::Check { .. } => "check",
            Self::CheckTimedOut { .. } => "check_timed_out",
            Self::Io { .. } => "io",
        }
    }

    /// Whether the configuration itself is at fault, so that it is of no use to try again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Render(_) | Self::Rejected { .. })
    }
}

/// The file `haproxy.cfg` in `RUN_DIR`, and the HAProxy that checks what is to be in it.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    haproxy: PathBuf,
    renderer: Arc<Renderer>,
    children: Children,
}

impl ConfigFile {
    /// The file in the folder `run_dir`, and the binary `haproxy`.
    pub fn in_folder(run_dir: &Path, haproxy: PathBuf, renderer: Arc<Renderer>, children: Children) -> Self {
        Self { path: run_dir.join("haproxy.cfg"), haproxy, renderer, children }
    }

    async fn rendered(&self, config: Arc<HaproxyConfig>) -> Result<String, ConfigError> {
        let renderer = Arc::clone(&self.renderer);
        let text = off_thread(move || Ok(renderer.render(&config))).await;
        text.map_err(|source| self.io_error(source))?.map_err(ConfigError::Render)
    }

    async fn check_text(&self, text: String) -> Result<(), ConfigError> {
        let haproxy = || self.haproxy.clone();
        let output = timeout(CHECK_LIMIT, self.run_check(text.as_bytes()))
            .await
            .map_err(|_| ConfigError::CheckTimedOut { haproxy: haproxy() })?
            .map_err(|source| ConfigError::Check { haproxy: haproxy(), source })?;
        if output.status.success() {
            return Ok(());
        }
        if output.status.code().is_none() {
            // Ended by a signal, as when memory is short: that says nothing of the configuration.
            let source = io::Error::other(output.status.to_string());
            return Err(ConfigError::Check { haproxy: haproxy(), source });
        }
        let kept_as = self.path.with_extension("cfg.rejected");
        // What HAProxy says is of use without it, too.
        let _ = write_text(kept_as.clone(), text).await;
        Err(ConfigError::Rejected { words: words(&output), kept_as })
    }

    /// HAProxy reads its standard input, so that a full disk keeps no configuration from being checked. The socket is
    /// only named: a check binds nothing.
    async fn run_check(&self, text: &[u8]) -> io::Result<Output> {
        let mut command = Command::new(&self.haproxy);
        command.args(["-c", "-f", "/dev/stdin"]).env(CLI_SOCKET_VARIABLE, self.path.with_file_name("check"));
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

    fn io_error(&self, source: io::Error) -> ConfigError {
        ConfigError::Io { path: self.path.clone(), source }
    }
}

impl ConfigStore for ConfigFile {
    fn check(&self, config: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        let this = self.clone();
        async move {
            let text = this.rendered(config).await?;
            this.check_text(text).await
        }
    }

    fn write(&self, config: Arc<HaproxyConfig>) -> impl Future<Output = Result<(), ConfigError>> + 'static {
        let this = self.clone();
        async move {
            let text = this.rendered(config).await?;
            write_text(this.path.clone(), text).await.map_err(|source| this.io_error(source))
        }
    }
}

async fn write_text(path: PathBuf, text: String) -> io::Result<()> {
    // After a power cut nothing runs that a person could compare it with.
    off_thread(move || {
        write_atomically(&path, Durability::ProcessCrash, |file| file.write_all(text.as_bytes()))
    })
    .await
}

/// What HAProxy said, on one line.
fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let words: String = lines.join(" | ").chars().take(MAX_WORDS).collect();
    if words.is_empty() { format!("nothing, and {}", output.status) } else { words }
}
