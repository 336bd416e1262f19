//! Brings a started HAProxy to serve as its configuration says.

use std::{path::PathBuf, rc::Rc, time::Duration};

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::runtime_api::{CliError, Command, RuntimeApi, pid};

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

/// Makes the `free` ports of the process `pid` refuse, as soon as it answers on `socket`.
pub(super) async fn bring_up<A: RuntimeApi>(
    api: Rc<A>,
    socket: PathBuf,
    pid: u32,
    free: Vec<u16>,
) -> Result<(), BringUpError> {
    let closed = close(api.as_ref(), socket, pid, &free);
    Ok(timeout(LIMIT, closed).await.map_err(|_| BringUpError::Silent)??)
}

/// The commands wait in the socket before HAProxy can answer: it closes the free ports first of all, so they are open
/// for as short a time as possible.
async fn close<A: RuntimeApi>(api: &A, socket: PathBuf, pid: u32, free: &[u16]) -> Result<(), CliError> {
    let ports = free.iter().copied().map(Command::DisableFrontend);
    let commands: Vec<_> = [Command::ShowInfo].into_iter().chain(ports).collect();
    let begun = Instant::now();
    loop {
        match api.run(socket.clone(), commands.clone()).await {
            Ok(replies) if is_from(pid, &replies) => return Ok(()),
            Err(refused @ CliError::Rejected { .. }) => return Err(refused),
            Ok(_) | Err(_) => {}
        }
        sleep((begun.elapsed() / PAUSE_SHARE).clamp(MIN_PAUSE, MAX_PAUSE)).await;
    }
}

/// Whether the process `pid` answers on `socket`.
///
/// # Errors
/// When no process does.
pub(super) async fn is_answered_by<A: RuntimeApi>(
    api: &A,
    socket: PathBuf,
    pid: u32,
) -> Result<bool, CliError> {
    Ok(is_from(pid, &api.run(socket, vec![Command::ShowInfo]).await?))
}

fn is_from(process: u32, replies: &[String]) -> bool {
    replies.first().and_then(|show_info| pid(show_info)) == Some(process)
}
