//! A running stalls process.

use std::{os::fd::OwnedFd, panic::Location, process::ExitStatus, sync::Arc, thread, time::Duration};

use rustix::process::{Signal, pidfd_send_signal};
use serde_json::Value;
use tokio::{process::Child, time};

use super::{home::Home, log::Lines, processes, told::Told};

/// How long stalls has to end when the test is over.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// How long the rest of the output may take to arrive after the process has ended.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(1);

/// One line of the log, as it was written and as JSON.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    json: Value,
}

/// A running stalls process; dropping it ends it, and prints its log if the test has failed.
#[derive(Debug)]
pub struct Stalls {
    child: Child,
    pid: u32,
    handle: OwnedFd,
    log: Lines<Line>,
    stderr: Lines<String>,
    home: Arc<Home>,
}

impl Stalls {
    pub(super) fn new(mut child: Child, home: Arc<Home>) -> Self {
        let pid = child.id().expect("a child that nobody has reaped has a pid");
        let handle = processes::handle(pid).expect("a child that nobody has reaped has a handle");
        let stdout = child.stdout.take().expect("stdout is a pipe").into_owned_fd();
        let stderr = child.stderr.take().expect("stderr is a pipe").into_owned_fd();
        Self {
            pid,
            handle,
            log: Lines::read(stdout.expect("a pipe can block"), parse),
            stderr: Lines::read(stderr.expect("a pipe can block"), str::to_owned),
            child,
            home,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The HAProxy processes that serve from its directories, in order of their pids.
    pub fn haproxy_pids(&self) -> Vec<u32> {
        self.home.haproxy_pids()
    }

    /// Sends a signal to each of the HAProxy processes that serve from its directories.
    pub fn signal_haproxy(&self, signal: Signal) {
        self.home.signal_haproxy(signal);
    }

    /// The log so far: one object a line, or a string where a line is not JSON.
    pub fn log_lines(&self) -> Vec<Value> {
        self.log.all().into_iter().map(|line| line.json).collect()
    }

    /// The log so far, to the letter.
    pub fn log_texts(&self) -> Vec<String> {
        self.log.all().into_iter().map(|line| line.text).collect()
    }

    /// What it has written to stderr so far.
    pub fn stderr_lines(&self) -> Vec<String> {
        self.stderr.all()
    }

    /// The place after the last line so far, for [`Stalls::await_log_from`].
    pub fn log_mark(&self) -> usize {
        self.log.count()
    }

    /// Waits for a line of the log, and returns the first such line there is or will be.
    ///
    /// # Panics
    ///
    /// When there is none within this time, or when the log ends without it.
    #[track_caller]
    pub fn await_log(
        &self,
        wanted: impl Fn(&Value) -> bool,
        within: Duration,
    ) -> impl Future<Output = Value> {
        self.await_log_from(0, wanted, within)
    }

    /// Waits for a line of the log after this mark.
    ///
    /// # Panics
    ///
    /// When there is none within this time, or when the log ends without it.
    #[track_caller]
    pub fn await_log_from(
        &self,
        mark: usize,
        wanted: impl Fn(&Value) -> bool,
        within: Duration,
    ) -> impl Future<Output = Value> {
        self.read_log(mark, move |line| wanted(line).then(|| line.clone()), within)
    }

    /// Waits until the log has said enough.
    ///
    /// # Panics
    ///
    /// When it is not within this time, or when the log ends.
    #[track_caller]
    pub fn await_told<T>(
        &self,
        enough: impl Fn(&Told) -> Option<T>,
        within: Duration,
    ) -> impl Future<Output = T> {
        let (mut told, mut past) = (Told::default(), self.log_mark());
        let read = move |line: &Value| {
            told.read(line);
            past = past.saturating_sub(1);
            if past == 0 { enough(&told) } else { None }
        };
        self.read_log(0, read, within)
    }

    #[track_caller]
    fn read_log<T>(
        &self,
        mark: usize,
        mut find: impl FnMut(&Value) -> Option<T>,
        within: Duration,
    ) -> impl Future<Output = T> {
        let caller = Location::caller();
        async move {
            match time::timeout(within, self.log.find(mark, |line| find(&line.json))).await {
                Ok(Some(found)) => found,
                Ok(None) => panic!("{caller}: the log has ended without what is awaited here"),
                Err(_) => panic!("{caller}: the log has not what is awaited here after {within:?}"),
            }
        }
    }

    /// Sends it a signal; nothing happens if it has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Kills it (SIGKILL), and returns when it is gone; its HAProxy lives on.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait(END_PATIENCE).await;
    }

    /// Waits until it has ended by itself and its output has been read.
    ///
    /// # Panics
    ///
    /// When it runs on for longer.
    pub async fn wait(&mut self, within: Duration) -> ExitStatus {
        let status = self.try_wait(within).await;
        status.unwrap_or_else(|| panic!("stalls has not ended within {within:?}"))
    }

    /// Waits as [`Stalls::wait`] does; `None` when it runs on for longer.
    pub async fn try_wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let status = time::timeout(within, self.child.wait()).await.ok()?;
        // A process that has inherited the pipes may keep them open: then there is no end to wait for.
        let _ = time::timeout(OUTPUT_PATIENCE, async {
            self.log.ended().await;
            self.stderr.ended().await;
        })
        .await;
        Some(status.expect("a child can be waited for"))
    }

    /// Waits until its log has ended, as it does when stalls does.
    pub async fn log_ended(&self) {
        self.log.ended().await;
    }

    /// Its exit status, if it has ended.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked whether it has ended")
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        if self.exit_status().is_none() {
            self.signal(Signal::TERM);
            if !processes::ends_within(&self.handle, END_PATIENCE) {
                self.signal(Signal::KILL);
                processes::ends_within(&self.handle, END_PATIENCE);
            }
            // Reaps it.
            self.exit_status();
        }
        if thread::panicking() {
            print_log(&self.log_texts(), &self.stderr_lines());
        }
    }
}

/// A failed test leaves its log.
#[expect(clippy::print_stderr, reason = "the test runner shows a failed test's stderr")]
fn print_log(log: &[String], stderr: &[String]) {
    eprintln!("--- stalls: log ({} lines)", log.len());
    for line in log {
        eprintln!("{line}");
    }
    eprintln!("--- stalls: stderr ({} lines)", stderr.len());
    for line in stderr {
        eprintln!("{line}");
    }
}

fn parse(line: &str) -> Line {
    let json = serde_json::from_str(line).unwrap_or_else(|_| Value::from(line));
    Line { text: line.to_owned(), json }
}
