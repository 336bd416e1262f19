//! Finding and ending processes by what stands on their command line.
//!
//! Never by name: other tests and other people run HAProxy on this machine, too.

use std::{
    fs,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

/// How long a killed process may take to be gone.
const DEATH_PATIENCE: Duration = Duration::from_secs(5);

/// A process as `/proc` describes it.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) args: Vec<Vec<u8>>,
}

/// The processes that have an argument with this path in it, in order of their pids.
pub(super) fn with_argument(path: &Path) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc is there");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut found: Vec<_> = pids.filter_map(process).filter(|process| mentions(process, path)).collect();
    found.sort_by_key(|process| process.pid);
    found
}

/// Sends this process a signal if the path is on its command line, and returns its handle if it was.
pub(super) fn signal(pid: u32, path: &Path, signal: Signal) -> Option<OwnedFd> {
    let handle = handle(pid)?;
    // The handle may be that of a process which has got the pid since: look again.
    process(pid).filter(|process| mentions(process, path))?;
    pidfd_send_signal(&handle, signal).ok().map(|()| handle)
}

/// Kills the processes that have an argument with this path in it, and waits until they are gone.
pub(super) fn kill_with_argument(path: &Path) {
    for Process { pid, .. } in with_argument(path) {
        if let Some(handle) = signal(pid, path, Signal::KILL) {
            ends_within(&handle, DEATH_PATIENCE);
        }
    }
}

/// A handle that keeps meaning this process; `None` when there is no such process.
pub(super) fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::NONBLOCK).ok()
}

/// Blocks until the process has ended, or the time is over; says which.
pub(super) fn ends_within(handle: &OwnedFd, patience: Duration) -> bool {
    let patience = Timespec::try_from(patience).expect("a time-out fits");
    let mut ended = [PollFd::new(handle, PollFlags::IN)];
    matches!(poll(&mut ended, Some(&patience)), Ok(1..))
}

/// A process that has ended has no command line any more, even if nobody has reaped it.
fn process(pid: u32) -> Option<Process> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(Process { pid, args: line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect() })
}

fn mentions(process: &Process, path: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    process.args.iter().any(|arg| arg.windows(path.len()).any(|part| part == path))
}
