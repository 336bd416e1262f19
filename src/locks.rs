//! Two stalls with one folder would end each other's HAProxy and overwrite each other's memory.

use std::{
    fs::{self, DirBuilder, File, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};
use slog::{Logger, warn};
use thiserror::Error;
use tokio::time::sleep;

/// How often the locks are looked after. It is not to be noticed in an idle process.
const LOOK: Duration = Duration::from_secs(5);

/// A folder that nobody else uses as long as this lives. The kernel unlocks it whatever way stalls ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    folder: PathBuf,
    file: File,
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
        let lock = lock_in(folder);
        // No link of somebody else's is followed, and nothing is cut off.
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = open(&lock, flags, Mode::RUSR | Mode::WUSR).map(File::from);
        let file = file.map_err(|error| LockError::Io { lock: lock.clone(), source: error.into() })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), file }),
            Err(Errno::WOULDBLOCK) => Err(LockError::InUse { lock }),
            Err(error) => Err(LockError::Io { lock, source: error.into() }),
        }
    }

    /// Locks the folder anew if somebody has removed it, or its lock file: whoever makes a new one is not kept out by
    /// the old one. Tells whether that was so.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    fn renew(&mut self) -> Result<bool, LockError> {
        if self.is_in_place() {
            return Ok(false);
        }
        // Should it fail, so does what follows.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        *self = Self::take(&self.folder)?;
        Ok(true)
    }

    fn is_in_place(&self) -> bool {
        let which = |file: Metadata| (file.dev(), file.ino());
        let (ours, there) = (self.file.metadata(), fs::symlink_metadata(lock_in(&self.folder)));
        matches!((ours.map(which), there.map(which)), (Ok(ours), Ok(there)) if ours == there)
    }
}

fn lock_in(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Keeps folders locked whatever happens to them, as long as nobody else has locked one meanwhile: that comes back.
pub(crate) async fn keep(locks: &mut [FolderLock], log: &Logger) -> LockError {
    loop {
        sleep(LOOK).await;
        for lock in &mut *locks {
            match lock.renew() {
                Ok(false) => {}
                Ok(true) => {
                    warn!(log, "somebody has removed a directory, it is locked again"; "path" => %lock.folder.display());
                }
                Err(in_use @ LockError::InUse { .. }) => return in_use,
                // Whoever writes there finds out what is wrong, and says so.
                Err(LockError::Io { .. }) => {}
            }
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
    fn a_folder_that_was_removed_is_made_again_and_has_one_user_as_before() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("run");
        fs::create_dir(&folder).unwrap();
        let mut lock = FolderLock::take(&folder).unwrap();
        assert!(!lock.renew().unwrap());
        fs::remove_dir_all(&folder).unwrap();
        assert!(lock.renew().unwrap());
        assert!(!lock.renew().unwrap());
        assert!(matches!(FolderLock::take(&folder), Err(LockError::InUse { .. })));
    }

    #[test]
    fn a_folder_that_was_removed_and_is_another_ones_by_now_is_not_taken_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = FolderLock::take(folder.path()).unwrap();
        fs::remove_file(folder.path().join("lock")).unwrap();
        let _theirs = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(ours.renew(), Err(LockError::InUse { .. })));
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
