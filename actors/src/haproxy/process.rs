//! HAProxy processes on this host: starts, finds, signals and awaits them.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs,
    future::Future,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use slog::{Logger, o};
use tokio::{process::Command, task::spawn_local, time::timeout};

use super::{
    HaproxyHost, Launch, Leftover, Record, Running, Unbindable, bindable::unbindable,
    connections::connections, generation_dirs::GenerationDirs, output::relog,
};
use crate::{
    atomic_file::{Durability, off_thread, write_atomically},
    children::Children,
    config::{CLI_SOCKET_VARIABLE, Renderer},
};

/// How often a HAProxy that is no child of ours is looked at. A pidfd would tell at once, but hosts of
/// Rancher 1.6 have kernels older than that (5.3).
const ADOPTED_LOOK: Duration = Duration::from_millis(200);

/// How long the lines of a HAProxy that has ended may take to arrive.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// HAProxies as processes of this host.
#[derive(Clone, Debug)]
pub struct LocalHaproxy {
    dirs: GenerationDirs,
    haproxy: PathBuf,
    renderer: Arc<Renderer>,
    children: Children,
    log: Logger,
}

impl LocalHaproxy {
    /// The binary `haproxy`, with a folder for each generation below `run_dir`; its configurations are `renderer`'s.
    pub fn new(
        run_dir: PathBuf,
        haproxy: PathBuf,
        renderer: Arc<Renderer>,
        children: Children,
        log: Logger,
    ) -> Self {
        Self { dirs: GenerationDirs::new(run_dir), haproxy, renderer, children, log }
    }

    /// The folder comes before the process: whatever happens to stalls meanwhile, the process can be found.
    fn prepare(&self, launch: &Launch) -> io::Result<()> {
        self.dirs.create(launch.generation)?;
        let text = self.renderer.render(&launch.config).map_err(io::Error::other)?;
        let write = |path: PathBuf, text: &str| {
            write_atomically(&path, Durability::ProcessCrash, |file| file.write_all(text.as_bytes()))
        };
        write(self.dirs.config_file(launch.generation), &text)?;
        let frame = launch.config.frame.digest.clone();
        let record = Record { revision: launch.config.revision, frame };
        write(self.dirs.record(launch.generation), &serde_json::to_string(&record)?)
    }

    fn spawn(&self, launch: &Launch) -> io::Result<Running> {
        let mut command = Command::new(&self.haproxy);
        command.arg("-db").arg("-f").arg(self.dirs.config_file(launch.generation));
        if let Some(predecessor) = launch.inherit {
            command.arg("-x").arg(self.socket(predecessor));
        }
        command.env(CLI_SOCKET_VARIABLE, self.socket(launch.generation));
        // A process group of its own: Ctrl-C in a terminal is for stalls, which lets HAProxy drain.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut haproxy = self.children.spawn(&mut command)?;
        let pid = haproxy.pid;
        let log = self.log.new(o!("generation" => launch.generation, "haproxy_pid" => pid));
        let stdout = haproxy.child.stdout.take().map(|pipe| spawn_local(relog(pipe, "stdout", log.clone())));
        let stderr = haproxy.child.stderr.take().map(|pipe| spawn_local(relog(pipe, "stderr", log)));
        let ended = async move {
            let status = haproxy.wait().await;
            // Its last words tell why it ended; but its end counts even if somebody else holds the pipes.
            let last_words = join_all(stdout.into_iter().chain(stderr));
            let _ = timeout(LAST_WORDS, last_words).await;
            status.map_or_else(|error| error.to_string(), in_words)
        };
        Ok(Running { pid, ended: ended.boxed_local() })
    }

    fn leftover(&self, pid: u32) -> Option<Leftover> {
        let generation = self.dirs.generation_of(pid).ok()??;
        let record = fs::read(self.dirs.record(generation)).ok();
        let record = record.and_then(|record| serde_json::from_slice(&record).ok());
        Some(Leftover { generation, pid, record })
    }
}

impl HaproxyHost for LocalHaproxy {
    fn launch(&self, launch: Launch) -> impl Future<Output = io::Result<Running>> + 'static {
        let this = self.clone();
        async move {
            let (preparing, prepared) = (this.clone(), launch.clone());
            off_thread(move || preparing.prepare(&prepared)).await?;
            this.spawn(&launch)
        }
    }

    fn leftovers(&self) -> io::Result<Vec<Leftover>> {
        let mut leftovers = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            leftovers.extend(pid.and_then(|pid| self.leftover(pid)));
        }
        let has_ended = |generation: &u64| leftovers.iter().all(|s| s.generation != *generation);
        self.dirs.numbers().filter(has_ended).for_each(|generation| self.remove_dir(generation));
        Ok(leftovers)
    }

    fn follow(&self, leftover: &Leftover) -> Running {
        let Leftover { generation, pid, .. } = *leftover;
        let this = self.clone();
        let ended = async move {
            while this.dirs.runs(pid, generation) {
                tokio::time::sleep(ADOPTED_LOOK).await;
            }
            String::from("status unknown, it was no child of ours")
        };
        Running { pid, ended: ended.boxed_local() }
    }

    fn socket(&self, generation: u64) -> PathBuf {
        self.dirs.socket(generation)
    }

    fn signal(&self, generation: u64, pid: u32, signal: Signal) {
        let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
        // Taken before the check, it means the process that is checked, even if another one gets the number meanwhile.
        // Kernels before 5.3 have none.
        let handle = pidfd_open(process, PidfdFlags::empty());
        if self.children.has(pid) || self.dirs.runs(pid, generation) {
            // It may have ended in this very moment; its end is noticed elsewhere.
            let _ = handle
                .map_or_else(|_| kill_process(process, signal), |handle| pidfd_send_signal(handle, signal));
        }
    }

    fn remove_socket(&self, generation: u64) {
        let _ = fs::remove_file(self.socket(generation));
    }

    fn remove_dir(&self, generation: u64) {
        self.dirs.remove(generation);
    }

    fn unbindable(&self, ports: &mut dyn Iterator<Item = u16>) -> Vec<Unbindable> {
        unbindable(self.renderer.settings().bind_address, ports)
    }

    fn connections(
        &self,
        pids: Vec<u32>,
        ports: BTreeSet<u16>,
        within: Duration,
    ) -> impl Future<Output = Option<usize>> + 'static {
        let counted = off_thread(move || pids.into_iter().map(|pid| connections(pid, &ports)).sum());
        timeout(within, counted).map(|counted| counted.ok()?.ok())
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
