//! The traffic of each port, as HAProxy counts it. Asked only when somebody wants to see it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use serde::Serialize;

use super::{
    query::{QueryError, ask_for},
    runtime_api::{self, Command, RuntimeApi},
};

/// The traffic of one port since HAProxy was started; a reload begins anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// The connections that are open now.
    pub sessions: u64,
    /// The bytes that clients have sent.
    pub bytes_in: u64,
    /// The bytes that clients have received.
    pub bytes_out: u64,
    /// How long ago the last connection came; `None` if none has.
    pub last_used_seconds_ago: Option<u64>,
}

/// The traffic of these `ports` of the HAProxy behind `socket`, or of all. Those that it does not have are left out.
///
/// # Errors
/// In words: HAProxy does not answer, or not as it should.
pub async fn traffic<A: RuntimeApi>(
    api: &A,
    socket: PathBuf,
    ports: Option<&BTreeSet<u16>>,
) -> Result<BTreeMap<u16, Traffic>, String> {
    let ask = async {
        let replies = api.run(socket, ask_for(ports, |port| [Command::ShowBackends(port)])).await?;
        let mut all = BTreeMap::new();
        for reply in &replies {
            all.extend(runtime_api::traffic(reply)?);
        }
        Ok(all)
    };
    let all: Result<BTreeMap<u16, Traffic>, QueryError> = ask.await;
    let mut all = all.map_err(|error| error.to_string())?;
    if let Some(ports) = ports {
        all.retain(|port, _| ports.contains(port));
    }
    Ok(all)
}

/// How long the HAProxy behind `socket` has run, to the second; `None` if it does not say.
pub async fn uptime<A: RuntimeApi>(api: &A, socket: PathBuf) -> Option<Duration> {
    let replies = api.run(socket, vec![Command::ShowInfo]).await.ok()?;
    let seconds = replies.first()?.lines().find_map(|line| line.strip_prefix("Uptime_sec: "))?;
    Some(Duration::from_secs(seconds.trim().parse().ok()?))
}
