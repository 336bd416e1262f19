//! The child processes of stalls, kept apart from the orphans that PID 1 inherits.

use std::{
    collections::BTreeSet,
    fs, io,
    process::{self, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::process::{Child, Command};

/// stalls starts every process through this register, so that [`Children::reap_orphans`] never takes the exit status
/// of a child from the task that waits for it.
#[derive(Clone, Debug, Default)]
pub struct Children {
    pids: Arc<Mutex<BTreeSet<u32>>>,
}

/// A registered child. It is registered until its exit status has been taken: from then on another process may get its
/// number.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) child: Child,
    pub(crate) pid: u32,
    is_registered: bool,
    pids: Arc<Mutex<BTreeSet<u32>>>,
}

impl Registered {
    /// Waits for the end of the child, and takes its exit status.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.unregister();
        status
    }

    /// Once: another child may have the number next.
    fn unregister(&mut self) {
        if std::mem::take(&mut self.is_registered) {
            lock(&self.pids).remove(&self.pid);
        }
    }
}

impl Children {
    /// Spawns `command`. The register is locked meanwhile: a child that ends at once is already known to be
    /// ours when the reaper sees it.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Registered> {
        let mut pids = lock(&self.pids);
        let child = command.spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the child has no pid"))?;
        pids.insert(pid);
        Ok(Registered { child, pid, is_registered: true, pids: Arc::clone(&self.pids) })
    }

    /// Whether this is a child whose exit status has not been taken yet: then no other process has its number.
    pub(crate) fn has(&self, pid: u32) -> bool {
        lock(&self.pids).contains(&pid)
    }

    /// Reaps every zombie that was handed to this process without being its child; returns how many.
    ///
    /// To be called upon SIGCHLD by a process that orphans are handed to (PID 1 or a subreaper).
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn reap_orphans(&self) -> io::Result<usize> {
        let pids = lock(&self.pids);
        Ok(zombies()?.into_iter().filter(|pid| !pids.contains(pid) && reap(*pid)).count())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.unregister();
    }
}

/// A set of numbers is whole even if a thread panicked while holding it.
fn lock(pids: &Mutex<BTreeSet<u32>>) -> MutexGuard<'_, BTreeSet<u32>> {
    pids.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The zombies whose parent is this process.
fn zombies() -> io::Result<Vec<u32>> {
    let mut zombies = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        zombies.extend(pid.filter(|pid| is_zombie_of_ours(*pid)));
    }
    Ok(zombies)
}

/// Reads state and parent from `/proc/<pid>/stat` (proc(5)): they follow the command's name, which stands in
/// parentheses and may itself hold any character.
fn is_zombie_of_ours(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
    let mut fields = rest.split(' ');
    fields.next() == Some("Z") && fields.next() == Some(&process::id().to_string())
}

fn reap(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // `reap_orphans` itself would take the children of tests that run beside these; the end-to-end tests
    // call it where it belongs, in a stalls process that is PID 1.

    #[tokio::test]
    async fn a_child_is_registered_until_its_status_is_taken() {
        let children = Children::default();
        let mut ours = children.spawn(Command::new("sh").args(["-c", "exit 7"])).unwrap();
        while !zombies().unwrap().contains(&ours.pid) {
            tokio::task::yield_now().await;
        }
        assert!(children.has(ours.pid));
        assert_eq!(ours.wait().await.unwrap().code(), Some(7));
        assert!(!children.has(ours.pid));
        let dropped = children.spawn(&mut Command::new("true")).unwrap();
        drop(dropped);
        assert!(lock(&children.pids).is_empty());
    }

    #[test]
    fn a_zombie_is_found_and_reaped_once() {
        let pid = process::Command::new("true").spawn().unwrap().id();
        while !zombies().unwrap().contains(&pid) {
            std::thread::yield_now();
        }
        assert!(reap(pid));
        assert!(!reap(pid));
        assert!(!zombies().unwrap().contains(&pid));
    }
}
