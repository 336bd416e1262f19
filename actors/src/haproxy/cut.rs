//! Cuts connections on a HAProxy that never closes a session which is told to end while it connects
//! ([`Fault::HangingSessions`](super::known_faults::Fault)).
//!
//! The runtime API ends all sessions of a server or none. So the port is closed first: then no session begins to connect,
//! and those that do are soon connected, refused or over their time. Once there is none, the rest is cut, and the port is
//! opened again where it has a new server. Between two attempts a session belongs to no server (`option redispatch` in
//! the template), and is not ended.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    action::{Change, Leaving},
    runtime_api::{CliError, Command, RuntimeApi, connecting},
};

/// Longer than the template lets an attempt take (`timeout connect`). With a template that lets it take longer, the
/// sessions then go on to their end.
const LIMIT: Duration = Duration::from_secs(5);
/// A connection to a container that is there takes less than a millisecond.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Ports whose connections are to be cut.
pub(super) struct Cuts {
    waiting: Vec<Change>,
    pause: Duration,
    give_up: Instant,
}

impl Cuts {
    /// Takes the cuts out of `changes`, and has them begin with closing the ports.
    pub(super) fn begin(changes: &mut Vec<Change>) -> Self {
        let waiting: Vec<Change> = changes.extract_if(.., |change| change.cuts()).collect();
        let close = waiting.iter().map(|cut| Change::Free { port: cut.port(), leaving: Leaving::Drain });
        // A container that moves leaves its old port before it gets the new one.
        changes.splice(..0, close);
        Self { waiting, pause: FIRST_PAUSE, give_up: Instant::now() + LIMIT }
    }

    /// Cuts the connections of ports of which no session is connecting; gives what remains to be done with these ports.
    /// `None` when there is no port left.
    pub(super) async fn next<A: RuntimeApi>(
        &mut self,
        api: &A,
        socket: &Path,
    ) -> Result<Option<Vec<Change>>, CliError> {
        while !self.waiting.is_empty() {
            let connecting = ports_connecting(api, socket.to_owned()).await?;
            let ready: Vec<_> =
                self.waiting.extract_if(.., |cut| !connecting.contains(&cut.port())).collect();
            if !ready.is_empty() {
                let cut = ready.iter().map(|cut| Command::ShutdownSessions(cut.port())).collect();
                api.run(socket.to_owned(), cut).await?;
                return Ok(Some(reopened(&ready)));
            }
            if Instant::now() >= self.give_up {
                return Ok(Some(reopened(&std::mem::take(&mut self.waiting))));
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
        Ok(None)
    }
}

async fn ports_connecting<A: RuntimeApi>(api: &A, socket: PathBuf) -> Result<BTreeSet<u16>, CliError> {
    let replies = api.run(socket, vec![Command::ShowSessions]).await?;
    Ok(replies.first().map(|show_sess| connecting(show_sess)).unwrap_or_default())
}

fn reopened(cut: &[Change]) -> Vec<Change> {
    cut.iter().filter_map(|cut| Some(Change::Assign { port: cut.port(), to: cut.route()? })).collect()
}
