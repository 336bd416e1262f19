//! `RUN_DIR`, `STATE_DIR` and `RECORD_DIR`: made if they are missing, and refused if they are somebody else's.
//!
//! stalls removes and replaces files in them. So a directory that was there before must be empty, or have the lock of an
//! earlier start in it. What other users may do with it is left as it is: it may be a volume that many share the mode of.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Component, Path},
};

use rustix::process::geteuid;
use thiserror::Error;

use crate::locks::LOCK_FILE;

/// A new file system has it, and it belongs to nobody.
const LOST_AND_FOUND: &str = "lost+found";
const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const WORLD_WRITE: u32 = 0o002;

/// Why a directory cannot be used.
#[derive(Debug, Error)]
pub(crate) enum DirectoryError {
    /// Another user could replace what is in it.
    #[error(
        "belongs to user {owner}, and stalls runs as user {user}: give it to that one (chown), or name another"
    )]
    OtherUser {
        /// Whose it is.
        owner: u32,
        /// The user that stalls runs as.
        user: u32,
    },
    /// It is used for something else.
    #[error(
        "is not empty and has no {LOCK_FILE}: name an empty or a missing directory; if all in it is stalls' own, create that file"
    )]
    NotEmpty,
    /// It is one such as `/tmp`.
    #[error("is shared by all users: name a directory of stalls' own, such as a new one in it")]
    Shared,
    /// The file system refused.
    #[error("must be a directory that stalls may use: {0}")]
    Io(#[from] io::Error),
}

/// Checks that `directory` is missing, empty or one of ours. `expected` paths may be in it.
///
/// # Errors
/// It is none of these, or cannot be looked at.
pub(crate) fn check(directory: &Path, expected: &[&Path]) -> Result<(), DirectoryError> {
    let metadata = match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    let user = geteuid().as_raw();
    if ![user, ROOT].contains(&metadata.uid()) {
        return Err(DirectoryError::OtherUser { owner: metadata.uid(), user });
    }
    let is_expected = |name: &OsStr| {
        let below = expected.iter().filter_map(|path| path.strip_prefix(directory).ok());
        name == LOST_AND_FOUND
            || below.filter_map(|path| path.components().next()).any(|first| first == Component::Normal(name))
    };
    let mut is_empty = true;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == LOCK_FILE && entry.file_type()?.is_file() {
            return Ok(());
        }
        is_empty &= is_expected(&entry.file_name());
    }
    match (is_empty, metadata.mode() & STICKY) {
        (true, _) => Ok(()),
        (false, STICKY) => Err(DirectoryError::Shared),
        (false, _) => Err(DirectoryError::NotEmpty),
    }
}

/// Makes the directory if it is missing, for this user alone.
///
/// # Errors
/// The error of the file system.
pub(crate) fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Whether users other than the owner and its group may write to the directory.
pub(crate) fn is_open_to_others(directory: &Path) -> bool {
    let is_open = |directory: Metadata| directory.mode() & WORLD_WRITE != 0;
    fs::metadata(directory).is_ok_and(is_open)
}

#[cfg(test)]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::{PermissionsExt, chown, symlink},
    };

    use tempfile::TempDir;

    use super::*;

    fn with_entries(entries: &[&str]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        for entry in entries {
            fs::write(directory.path().join(entry), "").unwrap();
        }
        directory
    }

    fn set_mode(directory: &TempDir, mode: u32) {
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_missing_directory_is_made_for_this_user_alone() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("a/b");
        check(&directory, &[]).unwrap();
        create(&directory).unwrap();
        create(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_empty_directory_is_used_whatever_its_mode_and_keeps_it() {
        // As Docker's volumes, its --tmpfs, Kubernetes' emptyDir and systemd's StateDirectory have it.
        for mode in [0o755, 0o777, 0o1777, 0o2777, 0o700, 0o750] {
            let directory = tempfile::tempdir().unwrap();
            set_mode(&directory, mode);
            check(directory.path(), &[]).unwrap();
            create(directory.path()).unwrap();
            assert_eq!(fs::metadata(directory.path()).unwrap().mode() & 0o7777, mode);
            assert_eq!(is_open_to_others(directory.path()), mode & 0o002 != 0);
        }
    }

    #[test]
    fn a_directory_with_the_lock_of_an_earlier_start_is_ours() {
        for mode in [0o700, 0o777, 0o1777] {
            let directory = with_entries(&[LOCK_FILE, "state.json", "anything"]);
            set_mode(&directory, mode);
            check(directory.path(), &[]).unwrap();
        }
    }

    #[test]
    fn a_directory_with_something_else_is_refused() {
        for entries in [&["data"][..], &["lock"], &["state.json"], &[".hidden"]] {
            let directory = with_entries(entries);
            assert!(matches!(check(directory.path(), &[]), Err(DirectoryError::NotEmpty)), "{entries:?}");
            set_mode(&directory, 0o1777);
            assert!(matches!(check(directory.path(), &[]), Err(DirectoryError::Shared)), "{entries:?}");
        }
        let linked = with_entries(&["data"]);
        symlink(linked.path().join("data"), linked.path().join(LOCK_FILE)).unwrap();
        assert!(matches!(check(linked.path(), &[]), Err(DirectoryError::NotEmpty)), "a link is no lock");
    }

    #[test]
    fn what_is_known_to_be_in_it_does_not_count() {
        let directory = with_entries(&["haproxy.cfg.hbs"]);
        for entry in ["state", "lost+found"] {
            fs::create_dir(directory.path().join(entry)).unwrap();
        }
        let (template, state) = (directory.path().join("haproxy.cfg.hbs"), directory.path().join("state/of"));
        check(directory.path(), &[&template, &state, Path::new("/elsewhere")]).unwrap();
        assert!(check(directory.path(), &[&template]).is_err());
        assert!(check(directory.path(), &[directory.path()]).is_err());
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        // Only root can make one.
        if geteuid().is_root() {
            let directory = with_entries(&[LOCK_FILE]);
            chown(directory.path(), Some(4711), None).unwrap();
            let refused = check(directory.path(), &[]).unwrap_err().to_string();
            assert!(refused.starts_with("belongs to user 4711, and stalls runs as user 0: "), "{refused}");
        }
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(check(file.path(), &[]), Err(DirectoryError::Io(_))));
        assert!(matches!(check(&file.path().join("below"), &[]), Err(DirectoryError::Io(_))));
    }
}
