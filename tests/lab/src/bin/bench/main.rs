//! The benchmarks: stalls beside the original's way of driving HAProxy, in one run, on loopback.

mod alone;
mod client;
mod column;
mod driven;
mod effort;
mod load;
mod log;
mod measure;
mod original;
mod process;
mod results;
mod screen;
mod site;
mod suite;
mod turn;
mod watchers;
mod way;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use stalls_lab::{backend_everywhere::BackendEverywhere, haproxy};
use tokio::signal::unix::{SignalKind, signal};

use self::{effort::Effort, site::Common, suite::measure_all};

/// The exit code of a bench that was interrupted, as shells have it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// What HAProxy needs beside the ports: connections, and a margin.
const OTHER_DESCRIPTORS: u64 = 500;

/// Measures stalls beside the way in which the original drives HAProxy.
#[derive(Debug, Parser)]
#[command(name = "stalls-bench", version)]
struct Arguments {
    /// The stalls to measure [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    stalls: Option<PathBuf>,

    /// Another build of stalls, of an earlier commit, to measure in turn with it
    #[arg(long, value_name = "PATH")]
    before: Option<PathBuf>,

    /// Measure stalls also while ten clients have its events streamed and one scrapes its metrics each second
    #[arg(long)]
    watched: bool,

    /// Few repetitions and small pools: only to see that all of it works
    #[arg(long)]
    quick: bool,

    /// The sizes of pools [default: 3,200,1000,5000, with --quick 3,200]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(3..=20_000))]
    ports: Vec<u16>,

    /// Write all results to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let interrupted = async {
        let (mut sigint, mut sigterm) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = sigint.recv() => {}
            _ = sigterm.recv() => {}
        }
        Ok::<_, std::io::Error>(())
    };
    let ran = tokio::select! {
        ran = run(Arguments::parse()) => ran.map(|()| ExitCode::SUCCESS),
        // What was running has been dropped then, and has ended.
        interrupted = interrupted => interrupted.context("signals").map(|()| ExitCode::from(INTERRUPTED)),
    };
    ran.unwrap_or_else(|error| {
        screen::failed(&error);
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut effort = if arguments.quick { Effort::quick() } else { Effort::full() };
    if !arguments.ports.is_empty() {
        effort.sizes = arguments.ports;
    }
    raise_descriptor_limit(effort.max_ports())?;
    let directory = tempfile::tempdir().context("a temporary directory")?;
    let backend = BackendEverywhere::start().context("the containers")?;
    let common = Common {
        stalls: stalls(arguments.stalls)?,
        before: arguments.before.map(existing).transpose()?,
        watched: arguments.watched,
        haproxy: haproxy::under_test().context("no HAProxy: install it, or set HAPROXY_BIN")?,
        reload_template: write_reload_template(directory.path())?,
        directories: directories(),
        backend_port: backend.port(),
    };
    let results = measure_all(&common, &effort).await?;
    if let Some(path) = arguments.json {
        let json = serde_json::to_string_pretty(&results)?;
        fs::write(&path, json + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    screen::print(&results).context("stdout")
}

/// Takes all descriptors that may be had: HAProxy needs one for each port, and those for the connections.
fn raise_descriptor_limit(max_ports: u16) -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the descriptor limit cannot be raised")?;
    let needed = u64::from(max_ports) + OTHER_DESCRIPTORS;
    if let Some(limit) = limit.maximum.filter(|limit| *limit < needed) {
        bail!(
            "{max_ports} ports need a descriptor limit of {needed}, here it is {limit}: choose others (--ports)"
        );
    }
    Ok(())
}

fn stalls(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let path = match given {
        Some(path) => path,
        None => env::current_exe().context("where is this program?")?.with_file_name("stalls"),
    };
    existing(path).context("build it with `cargo build`, or say --stalls PATH")
}

fn existing(path: PathBuf) -> anyhow::Result<PathBuf> {
    ensure!(path.is_file(), "{} does not exist", path.display());
    Ok(path)
}

/// In memory, as /run is on hosts and should be in containers; else among the temporary files.
fn directories() -> PathBuf {
    let in_memory = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir());
    in_memory.unwrap_or_else(env::temp_dir)
}

/// Writes the template that makes each change a reload into this directory; returns its path.
fn write_reload_template(directory: &Path) -> anyhow::Result<PathBuf> {
    let path = directory.join("reload.cfg.hbs");
    fs::write(&path, haproxy::reload_template()).context("the template")?;
    Ok(path)
}
