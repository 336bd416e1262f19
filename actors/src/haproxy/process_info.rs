//! What a HAProxy process says of itself as a whole. To ask costs a tenth of a millisecond, however many ports there are.

use std::path::PathBuf;

use super::{
    query::QueryError,
    runtime_api::{Command, RuntimeApi, info_of_process},
};

/// The numbers of one process; a reload begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The connections of clients that are open.
    pub sessions: u64,
    /// The connections of clients since the start, and those to its runtime API.
    pub sessions_total: u64,
    /// The bytes that it has sent, to clients and to containers.
    pub bytes_out: u64,
}

/// The numbers of the HAProxy behind `socket`.
///
/// # Errors
/// In words: HAProxy does not answer, or not as it should.
pub async fn process_info<A: RuntimeApi>(api: &A, socket: PathBuf) -> Result<ProcessInfo, String> {
    let ask = async {
        let replies = api.run(socket, vec![Command::ShowInfo]).await?;
        Ok(info_of_process(&replies.concat())?)
    };
    ask.await.map_err(|error: QueryError| error.to_string())
}
