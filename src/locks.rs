//! Two stalls instances with one directory would stop each other's HAProxy and overwrite each other's state.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_rt::task::spawn_blocking;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};
use slog::{Logger, warn};
use thiserror::Error;
use tokio::time::sleep;

use crate::directories;

/// How often the locks are checked: rarely enough that an idle process costs nothing.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The name of the lock in a directory. A directory that has it is one of stalls.
pub(crate) const LOCK_FILE: &str = "stalls.lock";

/// Exclusive use of a directory. The kernel releases the lock however stalls ends.
#[derive(Debug)]
pub(crate) struct DirLock {
    directory: PathBuf,
    file: File,
}

/// Why a directory could not be locked.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    /// Another process has locked it.
    #[error("{}: another instance uses this directory; give each its own STATE_DIR, RUN_DIR and RECORD_DIR", .lock.display())]
    InUse {
        /// The lock file.
        lock: PathBuf,
    },
    /// The lock file cannot be created or locked.
    #[error("{}: {source}", .lock.display())]
    Io {
        /// The lock file.
        lock: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl DirLock {
    /// Locks `directory`, without waiting.
    ///
    /// # Errors
    /// Another process has locked it, or the lock file cannot be created or locked.
    pub(crate) fn take(directory: &Path) -> Result<Self, LockError> {
        let lock = lock_in(directory);
        // A symbolic link could lead to a file of somebody else: it is not followed, and no file is truncated.
        let flags = OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let open = |access| open(&lock, flags | access, Mode::RUSR | Mode::WUSR).map(File::from);
        let file = open(OFlags::WRONLY).or_else(|error| match error {
            // A file system that fails may have become read-only: what it has is served all the same.
            Errno::ROFS => open(OFlags::RDONLY),
            error => Err(error),
        });
        let file = file.map_err(|error| LockError::Io { lock: lock.clone(), source: error.into() })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { directory: directory.to_owned(), file }),
            Err(Errno::WOULDBLOCK) => Err(LockError::InUse { lock }),
            Err(error) => Err(LockError::Io { lock, source: error.into() }),
        }
    }

    /// Locks the directory again if it or its lock file was removed, because a lock on a removed file keeps no other
    /// process out. Returns whether that was so.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    fn renew(&mut self) -> Result<bool, LockError> {
        if self.is_in_place() {
            return Ok(false);
        }
        // If this fails, so does the lock.
        let _ = directories::create(&self.directory);
        *self = Self::take(&self.directory)?;
        Ok(true)
    }

    fn is_in_place(&self) -> bool {
        let id = |file: Metadata| (file.dev(), file.ino());
        let (ours, there) = (self.file.metadata(), fs::symlink_metadata(lock_in(&self.directory)));
        matches!((ours.map(id), there.map(id)), (Ok(ours), Ok(there)) if ours == there)
    }
}

fn lock_in(directory: &Path) -> PathBuf {
    directory.join(LOCK_FILE)
}

/// The locks of all directories. They are held as long as one of its clones lives.
#[derive(Clone, Debug)]
pub(crate) struct DirLocks(Arc<Mutex<Vec<DirLock>>>);

impl DirLocks {
    /// Locks all `directories`, without waiting.
    ///
    /// # Errors
    /// The first one that cannot be locked.
    pub(crate) fn take<'a>(directories: impl IntoIterator<Item = &'a Path>) -> Result<Self, LockError> {
        let locks = directories.into_iter().map(DirLock::take).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Mutex::new(locks))))
    }

    /// Locks directories again when they are removed. Returns the error once another process has locked one.
    pub(crate) async fn keep(&self, log: &Logger) -> LockError {
        loop {
            sleep(CHECK_INTERVAL).await;
            let locks = self.clone();
            // A disk may hang, and all actors share this thread.
            let renewed = spawn_blocking(move || locks.renew()).await;
            for (directory, renewed) in renewed.unwrap_or_default() {
                match renewed {
                    Ok(false) => {}
                    Ok(true) => {
                        warn!(log, "directory was removed, it is created and locked again"; "path" => %directory.display());
                    }
                    Err(in_use @ LockError::InUse { .. }) => return in_use,
                    // The actor that writes there meets the same error, and logs it.
                    Err(LockError::Io { .. }) => {}
                }
            }
        }
    }

    fn renew(&self) -> Vec<(PathBuf, Result<bool, LockError>)> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.iter_mut().map(|lock| (lock.directory.clone(), lock.renew())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_directory_has_one_user_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirLock::take(directory.path()).unwrap();
        assert!(matches!(DirLock::take(directory.path()), Err(LockError::InUse { .. })));
        drop(first);
        DirLock::take(directory.path()).unwrap();
    }

    #[test]
    fn a_removed_directory_is_created_and_locked_again() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("run");
        fs::create_dir(&directory).unwrap();
        let mut lock = DirLock::take(&directory).unwrap();
        assert!(!lock.renew().unwrap());
        fs::remove_dir_all(&directory).unwrap();
        assert!(lock.renew().unwrap());
        assert!(!lock.renew().unwrap());
        assert!(matches!(DirLock::take(&directory), Err(LockError::InUse { .. })));
    }

    #[test]
    fn a_removed_directory_that_another_process_has_locked_is_left_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut ours = DirLock::take(directory.path()).unwrap();
        fs::remove_file(directory.path().join(LOCK_FILE)).unwrap();
        let _theirs = DirLock::take(directory.path()).unwrap();
        assert!(matches!(ours.renew(), Err(LockError::InUse { .. })));
    }

    #[test]
    fn a_link_in_place_of_the_lock_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("precious");
        fs::write(&precious, "as it was").unwrap();
        symlink(&precious, directory.path().join(LOCK_FILE)).unwrap();
        assert!(matches!(DirLock::take(directory.path()), Err(LockError::Io { .. })));
        assert_eq!(fs::read_to_string(precious).unwrap(), "as it was");
    }

    #[test]
    fn a_missing_directory_is_not_reported_as_in_use() {
        assert!(matches!(DirLock::take(Path::new("/nonexistent")), Err(LockError::Io { .. })));
    }
}
