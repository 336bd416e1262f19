//! The signals that end stalls, and the one that tells PID 1 of a child's end.

use std::io;

use slog::{Logger, debug, error};
use stalls_actors::Children;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that asks stalls to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from the container engine.
    Terminate,
    /// SIGHUP, as from a terminal that is closed.
    Hangup,
}

impl Ending {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }
}

/// The signals that ask stalls to end, one after the other.
pub(crate) struct Endings {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Endings {
    /// Takes the signals over from their default, which would end the process at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupt.recv() => Ending::Interrupt,
            _ = self.terminate.recv() => Ending::Terminate,
            _ = self.hangup.recv() => Ending::Hangup,
        }
    }
}

/// Reaps what is orphaned to this process, for as long as it lives.
///
/// # Errors
/// When the system refuses to tell of ended children.
pub(crate) fn reap_orphans(children: Children, log: Logger) -> io::Result<()> {
    let mut child_ended = signal(SignalKind::child())?;
    actix_rt::spawn(async move {
        while child_ended.recv().await.is_some() {
            match children.reap_orphans() {
                Ok(0) => {}
                Ok(reaped) => debug!(log, "orphans reaped"; "count" => reaped),
                Err(error) => error!(log, "orphans cannot be reaped"; "error" => %error),
            }
        }
    });
    Ok(())
}
