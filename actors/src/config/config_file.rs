//! Has HAProxy check configurations, and keeps the copy of them for people.

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{CheckError, Checker, HaproxyConfig, RenderError, Renderer};
use crate::{
    atomic_file::{Durability, off_thread, write_atomically},
    children::Children,
};

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
    /// HAProxy has no opinion.
    #[error(transparent)]
    Check(#[from] CheckError),
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
            Self::Check(CheckError::NotRun { .. }) => "check",
            Self::Check(CheckError::TimedOut { .. }) => "check_timed_out",
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
    checker: Checker,
    renderer: Arc<Renderer>,
}

impl ConfigFile {
    /// The file in the folder `run_dir`, and the binary `haproxy`.
    pub fn in_folder(run_dir: &Path, haproxy: PathBuf, renderer: Arc<Renderer>, children: Children) -> Self {
        let checker = Checker::new(haproxy, children);
        Self { path: run_dir.join("haproxy.cfg"), checker, renderer }
    }

    async fn rendered(&self, config: Arc<HaproxyConfig>) -> Result<String, ConfigError> {
        let renderer = Arc::clone(&self.renderer);
        let text = off_thread(move || Ok(renderer.render(&config))).await;
        text.map_err(|source| self.io_error(source))?.map_err(ConfigError::Render)
    }

    async fn check_text(&self, text: String) -> Result<(), ConfigError> {
        let Some(words) = self.checker.objections(&text).await? else { return Ok(()) };
        let kept_as = self.path.with_extension("cfg.rejected");
        // What HAProxy says is of use without it, too.
        let _ = write_text(kept_as.clone(), text).await;
        Err(ConfigError::Rejected { words, kept_as })
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
