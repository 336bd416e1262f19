//! The demo: stalls at work, on loopback, between a metadata server and containers that say which one they are.

mod life;
mod mapping;
mod screen;
mod stage;
mod steps;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use clap::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{screen::Screen, stage::Stage};

/// The exit code of a demo that was interrupted, as shells have it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Shows stalls at work: containers come, go, are replaced and upgraded, and every port keeps leading
/// to its container.
#[derive(Debug, Parser)]
#[command(name = "stalls-demo", version)]
struct Arguments {
    /// The stalls to show [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    stalls: Option<PathBuf>,

    /// End after the last step instead of staying up to be looked at
    #[arg(long)]
    exit: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            screen::failed(&error);
            ExitCode::FAILURE
        }
    }
}

/// How far the demo went.
enum Outcome {
    Complete,
    Interrupted,
}

async fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let stalls = match &arguments.stalls {
        Some(path) => path.clone(),
        None => env::current_exe().context("where is this program?")?.with_file_name("stalls"),
    };
    if !stalls.is_file() {
        bail!("{} does not exist: build it with `cargo build`, or say --stalls PATH", stalls.display());
    }
    let mut interrupt = Interrupt::new().context("signals cannot be caught")?;
    let screen = Screen::of_this_terminal();
    let mut stage = Stage::set_up(&stalls).await?;

    let played = tokio::select! {
        played = play(&mut stage, &screen, arguments.exit) => played.map(|()| Outcome::Complete),
        () = interrupt.arrives() => Ok(Outcome::Interrupted),
    };
    // Staying up to be looked at has no other end than an interrupt.
    let played = played.map(|outcome| if stage.all_shown { Outcome::Complete } else { outcome });
    if played.is_err() {
        screen::stalls_log(&stage.stalls);
    }
    let ended = stage.end(&screen).await;
    if let (Err(_), Err(error)) = (&played, &ended) {
        screen::failed(error);
    }
    played.and_then(|outcome| ended.map(|()| outcome))
}

/// All steps, and then, unless the demo is to exit, an everyday life to look at.
async fn play(stage: &mut Stage, screen: &Screen, exit: bool) -> anyhow::Result<()> {
    steps::play(stage, screen).await?;
    stage.all_shown = true;
    if !exit {
        screen.invitation(stage.base_port, stage.admin)?;
        life::go_on(stage, screen).await?;
    }
    Ok(())
}

/// Ctrl-C, or SIGTERM.
struct Interrupt {
    sigint: Signal,
    sigterm: Signal,
}

impl Interrupt {
    fn new() -> std::io::Result<Self> {
        Ok(Self { sigint: signal(SignalKind::interrupt())?, sigterm: signal(SignalKind::terminate())? })
    }

    async fn arrives(&mut self) {
        tokio::select! {
            _ = self.sigint.recv() => {}
            _ = self.sigterm.recv() => {}
        }
    }
}
