//! Two stalls with one folder would end each other's HAProxy and overwrite each other's memory.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

/// A folder that nobody else uses as long as this lives. The kernel unlocks it whatever way stalls ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

/// A folder that could not be locked.
#[derive(Debug)]
pub(crate) struct Occupied {
    /// The lock file.
    pub(crate) lock: PathBuf,
    /// The system's words.
    pub(crate) error: io::Error,
}

impl FolderLock {
    /// Locks `folder`, without waiting.
    ///
    /// # Errors
    /// When another process has it, or the lock file cannot be made.
    pub(crate) fn take(folder: &Path) -> Result<Self, Occupied> {
        let lock = folder.join("lock");
        let locked = File::create(&lock).and_then(|file| {
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            Ok(Self { _file: file })
        });
        locked.map_err(|error| Occupied { lock, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        assert_eq!(FolderLock::take(folder.path()).unwrap_err().lock, folder.path().join("lock"));
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
