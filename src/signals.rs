//! The signals that stop stalls, and the one that tells PID 1 that a child has ended.

use std::io;

use slog::{Logger, debug, error};
use stalls_actors::Children;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that asks stalls to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownSignal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from the container engine.
    Terminate,
    /// SIGHUP, as from a terminal that is closed.
    Hangup,
}

impl ShutdownSignal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }
}

/// The signals that ask stalls to stop, in the order of their arrival.
pub(crate) struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl ShutdownSignals {
    /// Replaces the default action, which would end the process at once.
    ///
    /// # Errors
    /// The system refuses to install a handler.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> ShutdownSignal {
        tokio::select! {
            _ = self.interrupt.recv() => ShutdownSignal::Interrupt,
            _ = self.terminate.recv() => ShutdownSignal::Terminate,
            _ = self.hangup.recv() => ShutdownSignal::Hangup,
        }
    }
}

/// Reaps the orphans that this process inherits as PID 1, for as long as it runs.
///
/// # Errors
/// The system refuses to install a handler for SIGCHLD.
pub(crate) fn reap_orphans(children: Children, log: Logger) -> io::Result<()> {
    let mut child_ended = signal(SignalKind::child())?;
    actix_rt::spawn(async move {
        while child_ended.recv().await.is_some() {
            match children.reap_orphans() {
                Ok(0) => {}
                Ok(reaped) => debug!(log, "orphans reaped"; "count" => reaped),
                Err(error) => error!(log, "cannot reap orphans"; "error" => %error),
            }
        }
    });
    Ok(())
}
