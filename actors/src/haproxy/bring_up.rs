//! Brings a started HAProxy to serve as its configuration says.

use std::{path::PathBuf, rc::Rc, time::Duration};

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::{
    known_faults::Version,
    runtime_api::{CliError, Command, RuntimeApi, pid, version},
};

/// A start takes tens of milliseconds, at 10,000 ports a few hundred.
const LIMIT: Duration = Duration::from_secs(20);
/// A try takes some microseconds while the socket is not there. Pauses grow with the time that a start takes, so that
/// its end is noticed within a sixteenth of it.
const MIN_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(50);
const PAUSE_SHARE: u32 = 16;

/// Why a started HAProxy failed to start.
#[derive(Debug, Error)]
pub(super) enum BringUpError {
    #[error("it did not answer on its stats socket within {} ms", LIMIT.as_millis())]
    Silent,
    #[error("its free ports could not be closed: {0}")]
    Cli(#[from] CliError),
}

/// Makes the `free` ports of the process `pid` refuse, as soon as it answers on `socket`; gives its version, if it says
/// one.
pub(super) async fn bring_up<A: RuntimeApi>(
    api: Rc<A>,
    socket: PathBuf,
    pid: u32,
    free: Vec<u16>,
) -> Result<Option<Version>, BringUpError> {
    let closed = close(api.as_ref(), socket, pid, &free);
    Ok(timeout(LIMIT, closed).await.map_err(|_| BringUpError::Silent)??)
}

/// The commands wait in the socket before HAProxy can answer: it closes the free ports first of all, so they are open
/// for as short a time as possible.
async fn close<A: RuntimeApi>(
    api: &A,
    socket: PathBuf,
    pid: u32,
    free: &[u16],
) -> Result<Option<Version>, CliError> {
    let ports = free.iter().copied().map(Command::DisableFrontend);
    let commands: Vec<_> = [Command::ShowInfo].into_iter().chain(ports).collect();
    let begun = Instant::now();
    loop {
        match api.run(socket.clone(), commands.clone()).await {
            Ok(replies) => {
                if let Some(identity) = identity(pid, &replies) {
                    return Ok(identity);
                }
            }
            Err(refused @ CliError::Rejected { .. }) => return Err(refused),
            Err(_) => {}
        }
        sleep((begun.elapsed() / PAUSE_SHARE).clamp(MIN_PAUSE, MAX_PAUSE)).await;
    }
}

/// The version of the process `pid`, if it says one; `None` if another process answers on `socket`.
///
/// # Errors
/// When no process does.
pub(super) async fn answering<A: RuntimeApi>(
    api: &A,
    socket: PathBuf,
    pid: u32,
) -> Result<Option<Option<Version>>, CliError> {
    Ok(identity(pid, &api.run(socket, vec![Command::ShowInfo]).await?))
}

fn identity(process: u32, replies: &[String]) -> Option<Option<Version>> {
    let show_info = replies.first()?;
    (pid(show_info) == Some(process)).then(|| version(show_info))
}
