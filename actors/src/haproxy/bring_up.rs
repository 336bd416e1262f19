//! From a started HAProxy to one that serves as its configuration says.

use std::{path::PathBuf, rc::Rc, time::Duration};

use thiserror::Error;

use super::runtime_api::{CliError, Command, RuntimeApi, pid};

/// A start takes tens of milliseconds, at 10,000 ports a few hundred.
const LIMIT: Duration = Duration::from_secs(20);
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// Why a started HAProxy did not get to serve.
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
    Ok(tokio::time::timeout(LIMIT, closed).await.map_err(|_| BringUpError::Silent)??)
}

/// The commands are there before HAProxy can answer: they are the first thing that it does, and its free ports are
/// open for as short a time as can be.
async fn close<A: RuntimeApi>(api: &A, socket: PathBuf, pid: u32, free: &[u16]) -> Result<(), CliError> {
    let ports = free.iter().copied().map(Command::DisableFrontend);
    let commands: Vec<_> = [Command::ShowInfo].into_iter().chain(ports).collect();
    let mut look = FIRST_LOOK;
    loop {
        match api.run(socket.clone(), commands.clone()).await {
            Ok(replies) if is_from(pid, &replies) => return Ok(()),
            Err(refused @ CliError::Refused { .. }) => return Err(refused),
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(look).await;
        look = (look * 2).min(LONGEST_LOOK);
    }
}

/// Whether the process `pid` answers on `socket`.
///
/// # Errors
/// When nobody does.
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
