//! The exit codes, which restart policies and scripts act on.

use std::process::ExitCode;

/// The exit codes; 64 to 75 are those of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Stopped by a signal after the drain; or printed what was asked for.
    Ok = 0,
    /// `stalls health`: the instance is unhealthy. `stalls doctor`: it has found errors or warnings. `stalls replay`: a
    /// plan differs. All that ask an instance: it does not answer, or refuses.
    No = 1,
    /// `stalls doctor` could not look, and has found nothing.
    NotLooked = 2,
    /// A setting or an argument is wrong, or another instance uses a directory: the next start would fail, too.
    Config = 64,
    /// `stalls render` got no usable answer from the metadata service.
    Unavailable = 69,
    /// A fault inside stalls, logged as critical: an actor stopped or panicked.
    Internal = 70,
    /// The system forbids to start threads (`EX_OSERR`).
    NoThreads = 71,
    /// The machine lacks something at the moment, such as room on a disk or HAProxy: a later start may succeed
    /// (`EX_TEMPFAIL`).
    Temporary = 75,
    /// A second signal, SIGINT, cut the drain short (128 + 2).
    Interrupted = 130,
    /// A second signal, SIGTERM, cut the drain short (128 + 15).
    Terminated = 143,
}

impl Exit {
    /// The number that the parent process sees.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
