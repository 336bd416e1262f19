//! Replacing a file so that a reader, or a crash, finds either the old content or the new.

use std::{
    fs::{DirBuilder, File, Permissions},
    io::{self, BufWriter, IntoInnerError, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

/// Files may be read by the owner's group (for whoever looks after the host), never by others.
const MODE: u32 = 0o640;

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
    file: NamedTempFile,
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
        .prefix(".new-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder_of(target))?;
    let mut content = BufWriter::with_capacity(BUFFER_BYTES, file.as_file());
    write(&mut content)?;
    content.into_inner().map_err(IntoInnerError::into_error)?;
    if outlasts == Outlasts::PowerCut {
        file.as_file().sync_all()?;
    }
    Ok(Staged { file, target: target.to_owned(), outlasts })
}

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts the content in its place. Until the folder is synced too, a power cut may undo that.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.file.persist(&self.target).map_err(|error| error.error)?;
        match self.outlasts {
            Outlasts::Crash => Ok(()),
            Outlasts::PowerCut => File::open(folder_of(&self.target))?.sync_all(),
        }
    }
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
    use std::fs;

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
