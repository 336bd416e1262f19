//! Which process has a socket open, as far as `/proc` tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// A process, as proc(5) describes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The name of the program, up to 15 bytes of it.
    pub(super) command: String,
}

/// The process that has each of these sockets open: of several the first. Those of other users are seen by root alone.
pub(super) fn owners(inodes: &BTreeSet<u64>) -> BTreeMap<u64, Process> {
    let mut owners = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        for inode in sockets(pid).into_iter().filter(|inode| inodes.contains(inode)) {
            owners.entry(inode).or_insert_with(|| Process { pid, command: command(pid) });
        }
        if owners.len() == inodes.len() {
            break;
        }
    }
    owners
}

fn sockets(pid: u32) -> Vec<u64> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let socket = |link: &str| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    descriptors.filter_map(|descriptor| socket(fs::read_link(descriptor.path()).ok()?.to_str()?)).collect()
}

fn command(pid: u32) -> String {
    let command = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(command.trim_ascii_end()).into_owned()
}
