use std::{fs, os::unix::fs::MetadataExt};

use tokio::task::yield_now;

use super::*;
use crate::atomic_file::{Outlasts, stage};

const NEEDED: &str =
    "the file system below TMPDIR can have files without a name; overlayfs can since Linux 6.3";

/// Each differs from the one before in one of five sections, which is longer, as long, or shorter.
fn texts() -> impl Iterator<Item = ConfigText> {
    let mut last = ConfigText { head: "global\n".into(), ..ConfigText::default() };
    (0..24_u16).map(move |number| {
        let lines = "    a line\n".repeat([3, 5, 1, 1][usize::from(number % 4)]);
        last.sections.insert(number % 5, format!("listen {number:02}\n{lines}").into());
        last.clone()
    })
}

impl NextSpare {
    /// Waits until the spare is made, or cannot be.
    pub(in crate::config) async fn settled(&self) {
        while self.0.borrow().as_ref().is_some_and(|making| !making.is_finished()) {
            yield_now().await;
        }
    }
}

/// The spare, once it is made.
async fn made(next: &NextSpare) -> Option<Spare> {
    next.settled().await;
    next.take()
}

/// A folder with a file that says `text`, and a spare for it.
async fn file_and_spare(text: &ConfigText) -> (tempfile::TempDir, PathBuf, NextSpare) {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("haproxy.cfg");
    stage(&target, |file| text.write_to(file), Outlasts::Crash).unwrap().commit().unwrap();
    let next = NextSpare::default();
    next.make(target.clone(), text.clone(), None);
    (dir, target, next)
}

#[tokio::test]
async fn each_text_takes_the_place_of_the_one_before_and_no_reader_notices() {
    let mut texts = texts();
    let mut last = texts.next().unwrap();
    let (dir, target, next) = file_and_spare(&last).await;
    let mut readers = Vec::new();
    for text in texts {
        readers.push((File::open(&target).unwrap(), last.to_string()));
        let spare = made(&next).await.expect(NEEDED);
        let number = spare.file.metadata().unwrap().ino();
        let staged = spare.stage(&text, &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), last.to_string());
        let mut old = staged.commit().unwrap();
        let old_text = old.as_mut().map(|old| io::read_to_string(old).unwrap());
        assert_eq!(old_text, Some(last.to_string()), "its room is given back when it is closed");
        assert_eq!(fs::read_to_string(&target).unwrap(), text.to_string());
        assert_eq!(fs::metadata(&target).unwrap().ino(), number);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "it alone has a name");
        next.make(target.clone(), text.clone(), old);
        last = text;
    }
    for (reader, text) in readers {
        assert_eq!(io::read_to_string(reader).unwrap(), text);
    }
}

#[tokio::test]
async fn a_spare_that_is_not_there_yet_is_not_waited_for() {
    let (_dir, _, next) = file_and_spare(&ConfigText::default()).await;
    assert!(next.take().is_none());
    assert!(made(&next).await.is_none(), "nor is it made any more");
}

#[tokio::test]
async fn where_none_can_be_made_there_is_none() {
    let next = NextSpare::default();
    next.make("/dev/null/haproxy.cfg".into(), ConfigText::default(), None);
    assert!(made(&next).await.is_none());
}

#[tokio::test]
async fn others_can_read_a_named_spare_no_more_than_any_other_file() {
    let (_dir, target, next) = file_and_spare(&ConfigText::default()).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().mode();
    let as_any = mode(&target);
    let staged = made(&next).await.expect(NEEDED).stage(&ConfigText::default(), &target).unwrap();
    assert_eq!(mode(staged.path()), as_any);
}

#[tokio::test]
async fn a_spare_whose_folder_is_gone_is_of_no_use_and_leaves_nothing() {
    let (dir, target, next) = file_and_spare(&ConfigText::default()).await;
    let spare = made(&next).await.expect(NEEDED);
    fs::remove_dir_all(dir.path()).unwrap();
    assert!(spare.stage(&ConfigText::default(), &target).is_err());
    assert!(!dir.path().exists());
}
