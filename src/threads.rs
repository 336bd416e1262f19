//! Whether stalls can start threads at all: without any, neither stalls nor HAProxy works.

use std::{io, thread};

use thiserror::Error;

/// No thread can be started. The text says what would do.
#[derive(Debug, Error)]
pub(crate) enum NoThreads {
    /// Engines before 20.10.10 answer clone3(2) with EPERM, and the C library falls back to clone(2) for ENOSYS alone
    /// (moby/moby#42680).
    #[error(
        "the system forbids to start threads ({0}); if this is a container, its engine is older than this image: run \
         it on Docker 20.10.10 or newer, or with --security-opt seccomp=unconfined"
    )]
    Forbidden(io::Error),
    /// Most often a limit.
    #[error(
        "the system cannot start a thread ({0}); raise the limit of processes (--pids-limit, TasksMax=, ulimit -u)"
    )]
    Exhausted(io::Error),
}

/// Starts a thread that does nothing.
///
/// # Errors
/// [`NoThreads`].
pub(crate) fn check() -> Result<(), NoThreads> {
    let started = thread::Builder::new().spawn(|| {});
    let thread = started.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => NoThreads::Forbidden(error),
        _ => NoThreads::Exhausted(error),
    })?;
    // It has nothing to panic about.
    let _ = thread.join();
    Ok(())
}
