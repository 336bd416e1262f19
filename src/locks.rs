//! Two stalls with one folder would end each other's HAProxy and overwrite each other's memory.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};
use thiserror::Error;

/// A folder that nobody else uses as long as this lives. The kernel unlocks it whatever way stalls ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

/// Why a folder could not be locked.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    /// Another process has it.
    #[error("{}: another stalls uses this directory; give each its own STATE_DIR and RUN_DIR", .lock.display())]
    InUse {
        /// The lock file.
        lock: PathBuf,
    },
    /// The lock file cannot be made, or not be locked.
    #[error("{}: {source}", .lock.display())]
    Io {
        /// The lock file.
        lock: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

impl FolderLock {
    /// Locks `folder`, without waiting.
    ///
    /// # Errors
    /// When another process has it, or the lock file cannot be made.
    pub(crate) fn take(folder: &Path) -> Result<Self, LockError> {
        let lock = folder.join("lock");
        // No link of somebody else's is followed, and nothing is cut off.
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = open(&lock, flags, Mode::RUSR | Mode::WUSR).map(File::from);
        let file = file.map_err(|error| LockError::Io { lock: lock.clone(), source: error.into() })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(LockError::InUse { lock }),
            Err(error) => Err(LockError::Io { lock, source: error.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(LockError::InUse { .. })));
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "as it was").unwrap();
        symlink(&precious, folder.path().join("lock")).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(LockError::Io { .. })));
        assert_eq!(fs::read_to_string(precious).unwrap(), "as it was");
    }

    #[test]
    fn a_folder_that_is_none_is_not_said_to_be_in_use() {
        assert!(matches!(FolderLock::take(Path::new("/nonexistent")), Err(LockError::Io { .. })));
    }
}
