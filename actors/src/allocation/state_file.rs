//! What outlives a restart: revision, assignments and tombstones, as versioned JSON.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    future::Future,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use thiserror::Error;

use super::Occupant;
use crate::{
    atomic_file::{self, Outlasts, off_thread},
    mapping::ServiceRef,
    paged_map::PagedMap,
};

/// The layout below. Another number is another layout.
const VERSION: u32 = 1;
/// No sensible state is larger; a slot takes about 150 bytes.
const LARGEST_BYTES: u64 = 64 << 20;

/// Everything that is remembered.
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
    pub backend_port: u16,
    /// The number of slots.
    pub pool_size: u16,
    /// Who was on which slot.
    pub slots: PagedMap<Occupant>,
    /// Which slots were tombstones.
    pub tombstones: BTreeMap<u16, SavedTombstone>,
}

/// A tombstone, with what was left of its time: the wall clock may jump, so no moment is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTombstone {
    /// Who had the slot.
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
    /// The file is not what stalls of this version writes; it was renamed and is otherwise untouched.
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
    /// The bounded label for logs and metrics.
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
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    state: T,
}

impl StateFile {
    /// The file `state.json` in the folder `state_dir`.
    pub fn in_folder(state_dir: &Path) -> Self {
        Self { path: state_dir.join("state.json") }
    }

    /// Reads the state and leaves the file as it is; for a look beside a running stalls.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn peek(&self) -> Result<Option<SavedState>, String> {
        // What else may stand there is not read: neither a link, nor a pipe that would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut bytes = Vec::new();
        match open(&self.path, flags, Mode::empty()).map(File::from) {
            Ok(file) => file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(io::Error::from(error).to_string()),
        };
        parse(&bytes).map(Some)
    }

    fn io_error(&self, source: io::Error) -> StateError {
        StateError::Io { path: self.path.clone(), source }
    }
}

fn parse(bytes: &[u8]) -> Result<SavedState, String> {
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(format!("it is larger than {LARGEST_BYTES} bytes"));
    }
    let version: Versioned<IgnoredAny> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if version.version != VERSION {
        return Err(format!("its version is {}, this stalls knows {VERSION}", version.version));
    }
    let versioned: Versioned<SavedState> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    Ok(versioned.state)
}

impl StateStore for StateFile {
    fn load(&self) -> Result<Option<SavedState>, StateError> {
        self.peek().or_else(|reason| {
            let set_aside = self.path.with_extension("json.unreadable");
            fs::rename(&self.path, &set_aside).map_err(|error| self.io_error(error))?;
            Err(StateError::Unreadable { path: self.path.clone(), reason, set_aside })
        })
    }

    fn save(&self, state: SavedState) -> impl Future<Output = Result<(), StateError>> + 'static {
        let this = self.clone();
        async move {
            let path = this.path.clone();
            let saved = off_thread(move || {
                let state = Versioned { version: VERSION, state };
                let write = |file: &mut dyn Write| Ok(serde_json::to_writer_pretty(file, &state)?);
                atomic_file::stage(&path, write, Outlasts::PowerCut)?.commit()
            });
            saved.await.map_err(|error| this.io_error(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;
    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    fn state() -> SavedState {
        let occupant = Occupant {
            uuid: "c72f".into(),
            name: "app\nweb \"1\"".into(),
            address: "10.42.0.7".parse().unwrap(),
        };
        SavedState {
            revision: 12,
            mappings: vec![SavedMapping {
                service: ServiceRef { stack: None, service: "web".into() },
                backend_port: 8080,
                pool_size: 64,
                slots: [(3, occupant)].into(),
                tombstones: [(4, SavedTombstone { uuid: "dead".into(), left_ms: 30_000 })].into(),
            }],
        }
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::in_folder(dir.path());
        assert_eq!(file.load().unwrap(), None);
        file.save(state()).await.unwrap();
        assert_eq!(file.load().unwrap(), Some(state()));
    }

    #[test]
    fn an_unreadable_file_is_set_aside_untouched_and_the_next_start_is_fresh() {
        for content in [&b"{\"version\":1"[..], b"", b"\x00\xff", b"{\"version\":2,\"state\":{}}"] {
            let dir = tempfile::tempdir().unwrap();
            let file = StateFile::in_folder(dir.path());
            fs::write(&file.path, content).unwrap();
            let error = file.load().unwrap_err();
            assert_eq!(error.kind(), "unreadable");
            assert_eq!(fs::read(dir.path().join("state.json.unreadable")).unwrap(), content);
            assert_eq!(file.load().unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_set_aside_and_neither_read_nor_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::in_folder(dir.path());
        let elsewhere = dir.path().join("elsewhere");
        StateFile { path: elsewhere.clone() }.save(state()).await.unwrap();
        let before = fs::read(&elsewhere).unwrap();
        symlink(&elsewhere, &file.path).unwrap();
        assert_eq!(file.load().unwrap_err().kind(), "unreadable");
        symlink(&elsewhere, &file.path).unwrap();
        file.save(SavedState::default()).await.unwrap();
        assert_eq!(
            (file.load().unwrap(), fs::read(&elsewhere).unwrap()),
            (Some(SavedState::default()), before)
        );

        fs::remove_file(&file.path).unwrap();
        mkfifoat(CWD, &file.path, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(file.load().unwrap_err().kind(), "unreadable");
    }

    #[tokio::test]
    async fn a_failed_save_says_where() {
        let file = StateFile::in_folder(Path::new("/nonexistent"));
        let error = file.save(state()).await.unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/state.json: "), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
