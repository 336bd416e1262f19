//! Makes changes on the live HAProxy.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::{
    action::Change,
    commands::{Commands, commands},
    cut::Cuts,
    port_state::Ports,
    query::{QueryError, query, set_and_query_servers},
    runtime_api::{CliError, Command, RuntimeApi, Unavailable},
};

/// A new address takes effect within some milliseconds.
const EFFECT_LIMIT: Duration = Duration::from_secs(5);
/// So many queries follow each other without a pause. Each takes 0.1 ms or more, while the shortest possible pause,
/// 1 ms, is longer than most new addresses take.
const QUERIES_WITHOUT_PAUSE: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(10);

/// Why not all changes were made.
#[derive(Debug, Error)]
pub(super) enum UpdateError {
    #[error(transparent)]
    Unavailable(Unavailable),
    /// HAProxy did not do what it was told.
    #[error("{0}")]
    NotDone(String),
}

impl From<CliError> for UpdateError {
    fn from(error: CliError) -> Self {
        QueryError::from(error).into()
    }
}

impl From<QueryError> for UpdateError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Unavailable(trouble) => Self::Unavailable(trouble),
            QueryError::Unexpected(what) => Self::NotDone(what),
        }
    }
}

/// Makes `changes`; returns what HAProxy then shows of their ports. Whether it `may_hang` sessions that it is told to end
/// decides how connections are cut.
pub(super) async fn update<A: RuntimeApi>(
    api: Rc<A>,
    socket: PathBuf,
    changes: Vec<Change>,
    may_hang: bool,
) -> Result<Ports, UpdateError> {
    if may_hang && changes.iter().any(|change| change.cuts()) {
        let mut first = changes.clone();
        let mut cuts = Cuts::begin(&mut first);
        make(api.as_ref(), &socket, &first).await?;
        while let Some(then) = cuts.next(api.as_ref(), &socket).await? {
            make(api.as_ref(), &socket, &then).await?;
        }
    } else {
        make(api.as_ref(), &socket, &changes).await?;
    }
    // The ports serve by now, unless HAProxy has only said so.
    let ports: BTreeSet<u16> = changes.iter().map(|change| change.port()).collect();
    let slots = query(api.as_ref(), socket, Some(&ports)).await?;
    let as_told =
        |change: &&Change| slots.get(&change.port()).is_some_and(|slot| slot.serves(change.route()));
    match changes.iter().find(|change| !as_told(change)) {
        Some(change) => {
            Err(UpdateError::NotDone(format!("port {} is not as it was told to be", change.port())))
        }
        None => Ok(slots.into_iter().filter(|(port, _)| ports.contains(port)).collect()),
    }
}

async fn make<A: RuntimeApi>(api: &A, socket: &Path, changes: &[Change]) -> Result<(), UpdateError> {
    let Commands { first, then } = commands(changes);
    let checked = await_effect(api, socket, first, changes).await?;
    // What health checks found at the old address says nothing of the new one, and one may be under way.
    let then: Vec<_> = checked.into_iter().map(Command::SetHealthy).chain(then).collect();
    if !then.is_empty() {
        api.run(socket.to_owned(), then).await?;
    }
    Ok(())
}

/// Sends `first`, and waits until the new addresses are in force. Before HAProxy 2.9 they are at once. Gives the ports
/// among them whose servers HAProxy checks.
async fn await_effect<A: RuntimeApi>(
    api: &A,
    socket: &Path,
    first: Vec<Command>,
    changes: &[Change],
) -> Result<BTreeSet<u16>, UpdateError> {
    let mut checked = BTreeSet::new();
    let mut awaited: Vec<_> =
        changes.iter().filter_map(|change| Some((change.port(), change.route()?))).collect();
    let mut commands = first;
    let mut queries = 0;
    let mut pause = FIRST_PAUSE;
    let give_up = Instant::now() + EFFECT_LIMIT;
    loop {
        let ports = awaited.iter().map(|(port, _)| *port).collect();
        let servers = set_and_query_servers(api, socket.to_owned(), commands, &ports).await?;
        commands = Vec::new();
        checked.extend(servers.iter().filter(|(_, server)| server.is_checked).map(|(port, _)| *port));
        awaited.retain(|(port, server)| servers.get(port).is_none_or(|shown| shown.address != *server));
        let Some((port, _)) = awaited.first() else { return Ok(checked) };
        queries += 1;
        if queries < QUERIES_WITHOUT_PAUSE {
            continue;
        }
        if Instant::now() >= give_up {
            let limit = EFFECT_LIMIT.as_millis();
            let what = format!("the new server of port {port} has not taken effect within {limit} ms");
            return Err(UpdateError::NotDone(what));
        }
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}
