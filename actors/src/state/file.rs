//! What outlives a restart: revision, assignments and reservations, as versioned JSON.

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File},
    future::Future,
    io::{self, Read},
    net::IpAddr,
    num::NonZeroU16,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::validate;
use crate::{
    atomic_file::{Durability, off_thread, write_atomically},
    domain::{BackendPort, ServiceRef},
    excerpt::excerpt,
};

/// The layout below. Another number is another layout.
const VERSION: u32 = 1;
/// No sensible state is larger; a slot takes about 150 bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Everything that is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    /// The revision of the newest plan.
    pub revision: u64,
    /// One entry for each mapping.
    pub mappings: Vec<SavedMapping>,
}

/// One mapping's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMapping {
    /// The service, which together with the backend port tells which mapping this was.
    pub service: ServiceRef,
    /// The port that each container listens on.
    pub backend_port: BackendPort,
    /// The number of slots.
    pub pool_size: u16,
    /// The container of each slot.
    pub slots: BTreeMap<u16, SavedContainer>,
    /// The free slots that were reserved.
    #[serde(rename = "tombstones")]
    pub reservations: BTreeMap<u16, SavedReservation>,
    /// The slots whose containers were missing and showed that they were there.
    #[serde(default)]
    pub lingering: BTreeMap<u16, SavedLingering>,
}

/// A container that had a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedContainer {
    /// Its identity.
    pub uuid: Arc<str>,
    /// Its name, for people.
    pub name: Arc<str>,
    /// Where it was.
    pub address: IpAddr,
    /// The port that it listened on, if the mapping's is not the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<NonZeroU16>,
}

/// A container that lingered, with what was left of its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedLingering {
    /// The container.
    #[serde(flatten)]
    pub container: SavedContainer,
    /// What was left, in milliseconds.
    pub left_ms: u64,
}

/// A reservation, with what was left of its time: the wall clock may jump, so no moment is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedReservation {
    /// The container that had the slot.
    pub uuid: String,
    /// What was left, in milliseconds.
    pub left_ms: u64,
}

/// Why the state could not be loaded or saved.
#[derive(Debug, Error)]
pub enum StateError {
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// This version of stalls cannot have written the file, which was renamed and is otherwise untouched.
    #[error("{}: {reason}; it was set aside as {}", .path.display(), .set_aside.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Where it is now.
        set_aside: PathBuf,
    },
}

impl StateError {
    /// The bounded label for the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

/// Where the state is kept.
pub trait StateStore: 'static {
    /// The last saved state; `None` when there is none yet.
    ///
    /// # Errors
    /// When there is one that cannot be read. The next call then finds none.
    fn load(&self) -> Result<Option<SavedState>, StateError>;

    /// Replaces the saved state. Until this succeeds the old one stands.
    fn save(&self, state: SavedState) -> impl Future<Output = Result<(), StateError>> + 'static;
}

/// The state as a file.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// What it was found to have when it was opened.
    opened: RefCell<Option<Content>>,
}

/// What there is in the place of the file.
#[derive(Debug)]
enum Content {
    Nothing,
    /// No regular file, in the system's words.
    NoFile(String),
    /// Of a file that is too large, only the beginning.
    Bytes(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    state: T,
}

/// What every version has in common.
#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

impl StateFile {
    /// The file `state.json` in the folder `state_dir`.
    pub fn in_folder(state_dir: &Path) -> Self {
        Self { path: state_dir.join("state.json"), opened: RefCell::new(None) }
    }

    /// As [`in_folder`](Self::in_folder), and reads the file, whose content the first [`StateStore::load`] returns. A
    /// file that cannot be read now may be in order: to start without it would be to lose it.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn opened_in(state_dir: &Path) -> Result<Self, StateError> {
        let file = Self::in_folder(state_dir);
        let content = file.read().map_err(|source| file.io_error(source))?;
        file.opened.replace(Some(content));
        Ok(file)
    }

    /// Reads the state and leaves the file as it is, for a look beside a running stalls process.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn peek(&self) -> Result<Option<SavedState>, String> {
        self.read().map_err(|error| error.to_string())?.state()
    }

    fn read(&self) -> io::Result<Content> {
        // Neither a link is followed, nor a pipe waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match open(&self.path, flags, Mode::empty()).map(File::from) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Content::Nothing),
            // A link, or a socket or a device that nobody serves.
            Err(error @ (Errno::LOOP | Errno::NXIO)) => {
                return Ok(Content::NoFile(io::Error::from(error).to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        let kind = file.metadata()?.file_type();
        if !kind.is_file() {
            let what = if kind.is_dir() { Errno::ISDIR } else { Errno::INVAL };
            return Ok(Content::NoFile(io::Error::from(what).to_string()));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(Content::Bytes(bytes))
    }

    /// Renames the file, and returns its new name. The one that was set aside before is kept too, so that after a
    /// downgrade and an upgrade the files of both versions are there.
    fn set_aside(&self) -> io::Result<PathBuf> {
        let [newest, before] =
            ["json.unreadable", "json.unreadable.1"].map(|name| self.path.with_extension(name));
        // As a rule there is none.
        let _ = fs::rename(&newest, before);
        fs::rename(&self.path, &newest)?;
        Ok(newest)
    }

    fn io_error(&self, source: io::Error) -> StateError {
        StateError::Io { path: self.path.clone(), source }
    }
}

impl Content {
    /// # Errors
    /// Says what is wrong with it.
    fn state(&self) -> Result<Option<SavedState>, String> {
        match self {
            Self::Nothing => Ok(None),
            Self::NoFile(reason) => Err(reason.clone()),
            Self::Bytes(bytes) => parse(bytes).map(Some),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<SavedState, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    let AnyVersion { version } = serde_json::from_slice(bytes).map_err(|e| excerpt(&e.to_string()))?;
    if version != VERSION {
        return Err(format!("its version is {version}, this version of stalls knows {VERSION}"));
    }
    let versioned: Versioned<SavedState> =
        serde_json::from_slice(bytes).map_err(|e| excerpt(&e.to_string()))?;
    validate::check(&versioned.state).map_err(|reason| excerpt(&reason))?;
    Ok(versioned.state)
}

fn written(state: SavedState) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec_pretty(&Versioned { version: VERSION, state })
}

impl StateStore for StateFile {
    fn load(&self) -> Result<Option<SavedState>, StateError> {
        let opened = self.opened.take().map_or_else(|| self.read(), Ok);
        opened.map_err(|source| self.io_error(source))?.state().or_else(|reason| {
            let set_aside = self.set_aside().map_err(|error| self.io_error(error))?;
            Err(StateError::Unreadable { path: self.path.clone(), reason, set_aside })
        })
    }

    fn save(&self, state: SavedState) -> impl Future<Output = Result<(), StateError>> + 'static {
        let path = self.path.clone();
        async move {
            let target = path.clone();
            let saved = off_thread(move || {
                let content = written(state)?;
                write_atomically(&target, Durability::PowerCut, |file| file.write_all(&content))
            });
            saved.await.map_err(|source| StateError::Io { path, source })
        }
    }
}
