//! Queries what the live HAProxy does with each port.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use thiserror::Error;

use super::{
    port_state::{PortState, Ports},
    runtime_api::{
        CliError, Command, Frontend, ReplyError, RuntimeApi, Server, Unavailable, frontends, servers,
    },
};

/// From this many ports on, one query for all ports is cheaper than one for each.
const MANY: usize = 16;

/// Why the state of the ports is not known.
#[derive(Debug, Error)]
pub(super) enum QueryError {
    #[error(transparent)]
    Unavailable(Unavailable),
    /// HAProxy answers with something else than it was asked for.
    #[error("{0}")]
    Unexpected(String),
}

impl From<CliError> for QueryError {
    fn from(error: CliError) -> Self {
        match error {
            CliError::Unavailable(trouble) => Self::Unavailable(trouble),
            CliError::Rejected { .. } => Self::Unexpected(error.to_string()),
        }
    }
}

impl From<ReplyError> for QueryError {
    fn from(error: ReplyError) -> Self {
        Self::Unexpected(error.to_string())
    }
}

/// Queries these `ports`, or all.
pub(super) async fn query<A: RuntimeApi>(
    api: &A,
    socket: PathBuf,
    ports: Option<&BTreeSet<u16>>,
) -> Result<Ports, QueryError> {
    let each = ask_for(ports, |port| [Command::ShowServers(port), Command::ShowFrontends(port)]);
    let replies = api.run(socket, each).await?;
    let (mut all_servers, mut all_frontends) = (Vec::new(), BTreeMap::new());
    for pair in replies.chunks(2) {
        let [of_servers, of_frontends] = pair else { continue };
        all_servers.extend(servers(of_servers)?);
        all_frontends.extend(frontends(of_frontends)?);
    }
    let slot = |(port, server): (u16, Server)| {
        let Frontend { is_open, is_full } = all_frontends.get(&port)?;
        Some((
            port,
            PortState {
                server: server.address,
                displaced: None,
                is_ready: server.is_ready,
                is_open: *is_open,
                is_down: server.is_down,
                is_full: *is_full,
            },
        ))
    };
    Ok(all_servers.into_iter().filter_map(slot).collect())
}

/// Sends `commands`, and in the same batch queries the servers of `ports`: their frontends would cost more, and are not
/// needed yet.
pub(super) async fn set_and_query_servers<A: RuntimeApi>(
    api: &A,
    socket: PathBuf,
    mut commands: Vec<Command>,
    ports: &BTreeSet<u16>,
) -> Result<BTreeMap<u16, Server>, QueryError> {
    let told = commands.len();
    commands.extend(ask_for(Some(ports), |port| [Command::ShowServers(port)]));
    let replies = api.run(socket, commands).await?;
    let mut all = BTreeMap::new();
    for reply in replies.into_iter().skip(told) {
        all.extend(servers(&reply)?);
    }
    Ok(all)
}

pub(super) fn ask_for<const N: usize>(
    ports: Option<&BTreeSet<u16>>,
    commands: impl Fn(Option<u16>) -> [Command; N],
) -> Vec<Command> {
    match ports {
        Some(ports) if ports.len() < MANY => ports.iter().flat_map(|port| commands(Some(*port))).collect(),
        _ => commands(None).into(),
    }
}
