//! The next configuration file, made beforehand: a change writes only what it changes, at any size of the pool.

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    fs::File,
    io,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{task::JoinHandle, time::sleep};

use super::ConfigText;
use crate::atomic_file::{Staged, off_thread, stage_unnamed, unnamed_beside};

/// By then HAProxy has been told of the change before, and nobody waits for anything.
const PAUSE: Duration = Duration::from_millis(10);

/// A file that says what the present one says and has no name yet: no reader has ever seen it, so that it may be
/// written to in the middle. The present one itself may not, even once it is replaced: whoever still reads it would
/// find a mixture.
#[derive(Debug)]
pub(super) struct Spare {
    file: File,
    text: ConfigText,
}

impl Spare {
    fn new(target: &Path, text: ConfigText) -> io::Result<Self> {
        let mut file = unnamed_beside(target)?;
        text.write_to(&mut file)?;
        Ok(Self { file, text })
    }

    /// Has it say `text`, and gives it a name beside `target`.
    pub(super) fn stage(mut self, text: &ConfigText, target: &Path) -> io::Result<Staged> {
        text.write_over(&self.text, &mut self.file)?;
        self.file.set_len(text.len())?;
        stage_unnamed(&self.file, target)
    }
}

/// The spare that is there or being made.
#[derive(Clone, Debug, Default)]
pub(super) struct NextSpare(Rc<RefCell<Option<JoinHandle<io::Result<Spare>>>>>);

impl NextSpare {
    /// Makes one that says `text`, in a while. The old file goes then, too: to give its room back takes as long as to
    /// write it.
    ///
    /// That this fails is told to nobody. Without a spare the next file is written as a whole, and tells of its own
    /// trouble.
    pub(super) fn make(&self, target: PathBuf, text: ConfigText, old: Option<File>) {
        let making = async move {
            sleep(PAUSE).await;
            off_thread(move || {
                drop(old);
                Spare::new(&target, text)
            })
            .await
        };
        self.0.replace(Some(tokio::spawn(making)));
    }

    /// The spare, if it is there by now.
    pub(super) fn take(&self) -> Option<Spare> {
        let making = self.0.take()?;
        if !making.is_finished() {
            making.abort();
            return None;
        }
        making.now_or_never()?.ok()?.ok()
    }
}
