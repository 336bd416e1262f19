//! A server of the cluster's, as a child process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

/// How much of its log a failed test shows, in lines.
const SHOWN: usize = 40;

/// One that runs; dropping it kills it, and prints the end of its log if the test has failed.
pub(crate) struct Server {
    program: PathBuf,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `program` with these arguments, each without the two dashes that it begins with; what it says is added to
    /// the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).expect("a log can be written");
        let err = out.try_clone().expect("a file can be shared");
        let mut command = Command::new(program);
        command.args(arguments.iter().map(|argument| format!("--{argument}")));
        let command = command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { program: program.to_owned(), child, log: log.to_owned() }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child that nobody has reaped is there");
    }

    fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            print_end(&self.program, &lines[lines.len().saturating_sub(SHOWN)..]);
        }
    }
}

#[expect(clippy::print_stderr, reason = "the test runner shows a failed test's stderr")]
fn print_end(program: &Path, lines: &[&str]) {
    eprintln!("--- {}: the end of its log", program.display());
    lines.iter().for_each(|line| eprintln!("{line}"));
}
