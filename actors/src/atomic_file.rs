//! Replacing a file so that a reader, or a crash, finds either the old content or the new.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, BufWriter, IntoInnerError, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, openat, renameat_with};
use tempfile::{Builder, TempPath};

/// Files may be read by the owner's group (for whoever looks after the host), never by others.
const MODE: u32 = 0o640;

/// What the names begin with that content has until it is in its place.
const PREFIX: &str = ".new-";

const BUFFER_BYTES: usize = 64 << 10;

/// What the new content outlasts, once it is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlasts {
    /// The end of any process.
    Crash,
    /// Also the end of the whole machine. That takes as long as the disk does.
    PowerCut,
}

/// New content for a file, complete beside it, but not yet in its place.
///
/// Dropping it removes it.
pub(crate) struct Staged {
    name: TempPath,
    target: PathBuf,
    outlasts: Outlasts,
}

/// Writes what `write` writes beside `target`. A folder that somebody has removed is made again, for this user alone.
pub(crate) fn stage(
    target: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    outlasts: Outlasts,
) -> io::Result<Staged> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder_of(target))?;
    let file = Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder_of(target))?;
    let mut content = BufWriter::with_capacity(BUFFER_BYTES, file.as_file());
    write(&mut content)?;
    content.into_inner().map_err(IntoInnerError::into_error)?;
    if outlasts == Outlasts::PowerCut {
        file.as_file().sync_all()?;
    }
    Ok(Staged { name: file.into_temp_path(), target: target.to_owned(), outlasts })
}

/// A file beside `target` that has no name, and goes with its last handle. Not every file system can have one: overlayfs
/// can since Linux 6.3.
pub(crate) fn unnamed_beside(target: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    Ok(openat(CWD, folder_of(target), flags, Mode::from_raw_mode(MODE))?.into())
}

/// Takes an unnamed file, written to its end, for the new content of `target`, to outlast a crash.
pub(crate) fn stage_unnamed(file: &File, target: &Path) -> io::Result<Staged> {
    // To name it by its descriptor itself takes a privilege, before Linux 6.10.
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |name: &Path| Ok(linkat(CWD, opened.as_str(), CWD, name, AtFlags::SYMLINK_FOLLOW)?);
    let name = Builder::new().prefix(PREFIX).make_in(folder_of(target), link)?.into_temp_path();
    Ok(Staged { name, target: target.to_owned(), outlasts: Outlasts::Crash })
}

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        &self.name
    }

    /// Puts the content in its place. Until the folder is synced too, a power cut may undo that.
    ///
    /// Gives back the old content, if that can be had: the system takes its room back when it is closed.
    pub(crate) fn commit(self) -> io::Result<Option<File>> {
        let Self { name, target, outlasts } = self;
        match outlasts {
            // The old content is under the new one's name then, and goes with it. ext4 hands new content to the disk
            // before it replaces the old by a mere rename, which takes longer than to write it; here nobody needs that.
            Outlasts::Crash if exchange(&name, &target).is_ok() => Ok(File::open(&name).ok()),
            Outlasts::Crash => persist(name, &target).map(|()| None),
            Outlasts::PowerCut => {
                persist(name, &target)?;
                File::open(folder_of(&target))?.sync_all()?;
                Ok(None)
            }
        }
    }
}

/// Fails when there is no such file as `target` yet, and on file systems that cannot do it.
fn exchange(new: &Path, target: &Path) -> io::Result<()> {
    // A folder would be exchanged, too, and then stay under a name that nobody knows.
    if !fs::symlink_metadata(target)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE)?)
}

fn persist(new: TempPath, target: &Path) -> io::Result<()> {
    new.persist(target).map_err(|error| error.error)
}

/// Does file work on another thread: syncing may take long on a slow disk, and all actors share theirs.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_stands_until_the_commit_and_nothing_is_left_behind() {
        for outlasts in [Outlasts::Crash, Outlasts::PowerCut] {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("file");
            stage(&target, |file| file.write_all(b"old"), outlasts).unwrap().commit().unwrap();
            let staged = stage(&target, |file| file.write_all(b"new"), outlasts).unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"old");
            assert_eq!(fs::read(staged.path()).unwrap(), b"new");
            staged.commit().unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"new");
            drop(stage(&target, |file| file.write_all(b"dropped"), outlasts).unwrap());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_folder_is_not_replaced() {
        for outlasts in [Outlasts::Crash, Outlasts::PowerCut] {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("file");
            fs::create_dir(&target).unwrap();
            assert!(stage(&target, |file| file.write_all(b"x"), outlasts).unwrap().commit().is_err());
            assert!(target.is_dir());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_folder_that_was_removed_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("removed/file");
        stage(&target, |file| file.write_all(b"x"), Outlasts::PowerCut).unwrap().commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"x");
        assert_eq!(fs::metadata(folder_of(&target)).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn others_cannot_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("file");
        stage(&target, |file| file.write_all(b"x"), Outlasts::Crash).unwrap().commit().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777 & !MODE, 0);
    }
}
