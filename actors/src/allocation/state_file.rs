//! What outlives a restart: revision, assignments and tombstones, as versioned JSON.

mod sound;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    future::Future,
    io::{self, Read},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Occupant;
use crate::{
    atomic_file::{self, Outlasts, off_thread},
    excerpt::excerpt,
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

/// What every version has in common.
#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
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

    /// Renames the file; gives its new name. The one that was set aside before is kept too, so that whoever goes back
    /// to an older stalls, and forth again, finds the memory of both.
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

fn parse(bytes: &[u8]) -> Result<SavedState, String> {
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(format!("it is larger than {LARGEST_BYTES} bytes"));
    }
    let AnyVersion { version } = serde_json::from_slice(bytes).map_err(|e| excerpt(&e.to_string()))?;
    if version != VERSION {
        return Err(format!("its version is {version}, this stalls knows {VERSION}"));
    }
    let versioned: Versioned<SavedState> =
        serde_json::from_slice(bytes).map_err(|e| excerpt(&e.to_string()))?;
    sound::check(&versioned.state).map_err(|reason| excerpt(&reason))?;
    Ok(versioned.state)
}

fn written(state: SavedState) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec_pretty(&Versioned { version: VERSION, state })
}

impl StateStore for StateFile {
    fn load(&self) -> Result<Option<SavedState>, StateError> {
        self.peek().or_else(|reason| {
            let set_aside = self.set_aside().map_err(|error| self.io_error(error))?;
            Err(StateError::Unreadable { path: self.path.clone(), reason, set_aside })
        })
    }

    fn save(&self, state: SavedState) -> impl Future<Output = Result<(), StateError>> + 'static {
        let this = self.clone();
        async move {
            let path = this.path.clone();
            let saved = off_thread(move || {
                let content = written(state)?;
                atomic_file::stage(&path, |file| file.write_all(&content), Outlasts::PowerCut)?.commit()
            });
            saved.await.map_err(|error| this.io_error(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, os::unix::fs::symlink};

    use proptest::{
        collection::{btree_map, vec},
        prelude::*,
    };
    use rustix::fs::{CWD, mkfifoat};

    use super::*;
    use crate::testing::mangled::{any_json, mangled_json, nested};

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

    #[test]
    fn of_unreadable_files_the_last_two_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::in_folder(dir.path());
        for content in ["first", "second", "third"] {
            fs::write(&file.path, content).unwrap();
            file.load().unwrap_err();
        }
        let kept = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            (kept("state.json.unreadable"), kept("state.json.unreadable.1")),
            ("third".into(), "second".into())
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
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
        let file = StateFile::in_folder(Path::new("/dev/null"));
        let error = file.save(state()).await.unwrap_err();
        assert!(error.to_string().starts_with("/dev/null/state.json: "), "{error}");
    }

    const KEYS: &[&str] = &[
        "version",
        "state",
        "revision",
        "mappings",
        "service",
        "stack",
        "backend_port",
        "pool_size",
        "slots",
        "tombstones",
        "uuid",
        "name",
        "address",
        "left_ms",
        "0",
        "3",
        "70000",
    ];

    /// Any state that could have been saved.
    fn any_state() -> impl Strategy<Value = SavedState> {
        let occupant = any::<(String, String, IpAddr)>().prop_map(|(uuid, name, address)| Occupant {
            uuid: uuid.into(),
            name: name.into(),
            address,
        });
        let tombstone = any::<(String, u64)>().prop_map(|(uuid, left_ms)| SavedTombstone { uuid, left_ms });
        let mapping = (
            any::<(Option<String>, String, u16, u16)>(),
            btree_map(any::<u16>(), occupant, 0..4),
            btree_map(any::<u16>(), tombstone, 0..4),
        );
        let mapping = mapping.prop_map(|((stack, service, backend_port, pool_size), slots, tombstones)| {
            let service = ServiceRef { stack, service };
            let slots: PagedMap<_> = slots.into_iter().filter(|(slot, _)| *slot < pool_size).collect();
            SavedMapping { service, backend_port, pool_size, slots, tombstones }
        });
        (any::<u64>(), vec(mapping, 0..3))
            .prop_map(|(revision, mappings)| SavedState { revision, mappings })
            .prop_filter("no stalls would have saved it", |state| sound::check(state).is_ok())
    }

    /// Bytes, JSON of any kind, and a state that is not quite.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let state = serde_json::to_value(Versioned { version: VERSION, state: state() }).unwrap();
        let in_version = |state: String| format!(r#"{{"version":1,"state":{state}}}"#).into_bytes();
        prop_oneof![
            1 => vec(any::<u8>(), 0..100),
            2 => any_json(KEYS).prop_map(in_version),
            5 => mangled_json(state, KEYS),
        ]
    }

    /// How many entries a state has, and the bytes of its texts.
    fn size(state: &SavedState) -> (usize, usize) {
        let of_mapping = |mapping: &SavedMapping| {
            let SavedMapping { service, slots, tombstones, .. } = mapping;
            let of_service = service.service.len() + service.stack.as_ref().map_or(0, String::len);
            let of_slots: usize = slots.values().map(|o| o.uuid.len() + o.name.len()).sum();
            let of_tombstones: usize = tombstones.values().map(|t| t.uuid.len()).sum();
            (1 + slots.len() + tombstones.len(), of_service + of_slots + of_tombstones)
        };
        let sizes = state.mappings.iter().map(of_mapping);
        sizes.fold((0, 0), |(entries, bytes), (more, texts)| (entries + more, bytes + texts))
    }

    proptest! {
        #[test]
        fn whatever_is_saved_is_loaded(state in any_state()) {
            prop_assert_eq!(parse(&written(state.clone()).unwrap()), Ok(state));
        }

        #[test]
        fn any_content_is_read_or_refused_and_never_grows(content in content()) {
            match parse(&content) {
                Ok(state) => {
                    let (entries, bytes) = size(&state);
                    prop_assert!(entries <= content.len() && bytes <= content.len());
                    prop_assert_eq!(parse(&written(state.clone()).unwrap()), Ok(state));
                }
                Err(reason) => prop_assert!(reason.chars().count() <= 256, "{}", reason),
            }
        }
    }

    #[test]
    fn a_state_cut_anywhere_is_refused() {
        let whole = written(state()).unwrap();
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn deep_nesting_is_passed_over_or_refused() {
        let deep = nested(1_000_000);
        let with = |state: &str| parse(format!(r#"{{"version":1,"state":{state}}}"#).as_bytes());
        assert_eq!(with(&format!(r#"{{"revision":7,"mappings":[],"x":{deep}}}"#)).unwrap().revision, 7);
        let reason = with(&format!(r#"{{"revision":7,"mappings":{deep}}}"#)).unwrap_err();
        assert!(reason.starts_with("invalid "), "{reason}");
    }

    #[test]
    fn a_file_of_any_size_is_read_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::in_folder(dir.path());
        // Takes no room on the disk.
        File::create(&file.path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(file.peek(), Err("it is larger than 67108864 bytes".into()));
    }
}
