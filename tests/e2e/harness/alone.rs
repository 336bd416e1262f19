//! stalls without a stage.

use std::net::Ipv4Addr;

use stalls_lab::stalls::Launch;

use super::{SOON, STALLS};

/// How to start stalls on its own.
pub(crate) fn launch(listen_ip: Ipv4Addr, metadata_url: &str) -> Launch {
    Launch::new(STALLS, listen_ip, metadata_url)
}

/// The result of a stalls process that ended by itself.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

/// Runs stalls to its end.
pub(crate) async fn run(launch: &Launch) -> Ended {
    let mut stalls = launch.start();
    let code = stalls.wait(SOON).await.code();
    Ended { code, stdout: stalls.log_texts(), stderr: stalls.stderr_lines() }
}
