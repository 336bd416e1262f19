//! Replacing a file so that a reader, or a crash, finds either the old content or the new.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::Path,
};

use rustix::process::geteuid;
use tempfile::Builder;

/// Files may be read by the owner's group (for the people who run the host), never by others.
const MODE: u32 = 0o640;

/// The prefix of the name that new content has until it is in its place.
const PREFIX: &str = ".new-";
/// As many letters and digits follow it.
const RANDOM_LENGTH: usize = 6;

const BUFFER_BYTES: usize = 64 << 10;

/// What the new content survives, once it is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of any process.
    ProcessCrash,
    /// Also the end of the whole machine. That takes as long as the disk does.
    PowerCut,
}

/// Replaces `target` by what `write` writes. A folder that was removed is made again, for this user alone.
pub(crate) fn write_atomically(
    target: &Path,
    durability: Durability,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let folder = target.parent().unwrap_or_else(|| Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = Builder::new()
        .prefix(PREFIX)
        .rand_bytes(RANDOM_LENGTH)
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder)?;
    let mut content = BufWriter::with_capacity(BUFFER_BYTES, file.as_file());
    write(&mut content)?;
    content.flush()?;
    drop(content);
    if durability == Durability::PowerCut {
        file.as_file().sync_all()?;
    }
    file.persist(target)?;
    if durability == Durability::PowerCut {
        // Until the folder is synced too, a power cut may undo the rename.
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Removes the new content that a process did not get to put in its place, since it was killed. `folder` must be ours
/// alone: no other process may be writing there. Returns how many files were removed.
pub fn remove_unfinished(folder: &Path) -> usize {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let unfinished = files.filter(|file| file.file_name().to_str().is_some_and(is_temporary));
    let is_ours = |file: &fs::DirEntry| {
        file.metadata().is_ok_and(|file| file.is_file() && file.uid() == geteuid().as_raw())
    };
    unfinished.filter(is_ours).filter(|file| fs::remove_file(file.path()).is_ok()).count()
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(PREFIX).unwrap_or_default();
    random.len() == RANDOM_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Does file work on another thread: syncing may take long on a slow disk, and all actors share theirs.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const BOTH: [Durability; 2] = [Durability::ProcessCrash, Durability::PowerCut];

    #[test]
    fn the_old_content_stands_until_the_new_one_is_complete_and_no_temporary_file_is_left() {
        for durability in BOTH {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("file");
            write_atomically(&target, durability, |file| file.write_all(b"old")).unwrap();
            write_atomically(&target, durability, |file| {
                assert_eq!(fs::read(&target).unwrap(), b"old");
                file.write_all(b"new")
            })
            .unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"new");
            let fails = |file: &mut dyn Write| {
                file.write_all(b"half").unwrap();
                Err(io::ErrorKind::StorageFull.into())
            };
            assert!(write_atomically(&target, durability, fails).is_err());
            assert_eq!(fs::read(&target).unwrap(), b"new");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let unfinished =
            Builder::new().prefix(PREFIX).rand_bytes(RANDOM_LENGTH).tempfile_in(dir.path()).unwrap();
        unfinished.keep().unwrap();
        let others = [".new-", ".new-1", ".new-abcdefg", ".new-abc-ef", "new-abcdef", "state.json"];
        for other in others {
            fs::write(dir.path().join(other), "").unwrap();
        }
        fs::create_dir(dir.path().join(".new-folder")).unwrap();
        assert_eq!(remove_unfinished(dir.path()), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), others.len() + 1);
        assert_eq!(remove_unfinished(&dir.path().join("missing")), 0);
    }

    #[test]
    fn a_folder_is_not_replaced() {
        for durability in BOTH {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("file");
            fs::create_dir(&target).unwrap();
            assert!(write_atomically(&target, durability, |file| file.write_all(b"x")).is_err());
            assert!(target.is_dir());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_folder_that_was_removed_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("removed");
        write_atomically(&folder.join("file"), Durability::PowerCut, |file| file.write_all(b"x")).unwrap();
        assert_eq!(fs::read(folder.join("file")).unwrap(), b"x");
        assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn others_cannot_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("file");
        write_atomically(&target, Durability::ProcessCrash, |file| file.write_all(b"x")).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777 & !MODE, 0);
    }
}
