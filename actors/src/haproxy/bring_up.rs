//! From a started HAProxy to one that serves as its configuration says.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use thiserror::Error;

use super::runtime_api::{CliError, Command, RuntimeApi, pid_in};

/// A start takes tens of milliseconds, at 10,000 ports a few hundred.
const LIMIT: Duration = Duration::from_secs(20);
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// Why a started HAProxy did not get to serve.
#[derive(Debug, Error)]
pub(super) enum BringUpError {
    #[error("it did not answer on its stats socket within {} ms", LIMIT.as_millis())]
    Silent,
    #[error("its free ports could not be closed: {0}")]
    Cli(#[from] CliError),
}

/// Waits until the process `pid` itself answers on `socket`, then makes its `free` ports refuse.
pub(super) async fn bring_up<A: RuntimeApi>(
    api: Rc<A>,
    socket: PathBuf,
    pid: u32,
    free: Vec<u16>,
) -> Result<(), BringUpError> {
    tokio::time::timeout(LIMIT, answers(api.as_ref(), &socket, pid))
        .await
        .map_err(|_| BringUpError::Silent)?;
    api.run(socket, free.into_iter().map(Command::DisableFrontend).collect()).await?;
    Ok(())
}

async fn answers<A: RuntimeApi>(api: &A, socket: &Path, pid: u32) {
    let mut look = FIRST_LOOK;
    while !is_answered_by(api, socket, pid).await.unwrap_or(false) {
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
    socket: &Path,
    pid: u32,
) -> Result<bool, CliError> {
    let replies = api.run(socket.to_owned(), vec![Command::ShowInfo]).await?;
    Ok(replies.first().and_then(|reply| pid_in(reply)) == Some(pid))
}
