//! What a process has open.

use std::{fs, path::PathBuf};

/// How many descriptors it has.
pub(crate) fn descriptors(pid: u32) -> usize {
    handles(pid).count()
}

/// The files that it has open, by the names that the system has for them.
pub(crate) fn open_files(pid: u32) -> impl Iterator<Item = PathBuf> {
    handles(pid).filter_map(|handle| fs::read_link(handle).ok())
}

fn handles(pid: u32) -> impl Iterator<Item = PathBuf> {
    let handles = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    handles.flatten().map(|handle| handle.path())
}
