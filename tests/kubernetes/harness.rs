//! What all tests share.

mod account;
mod api;
mod certificates;
mod clients;
mod cluster;
mod files;
mod http;
mod kubelet;
mod proxy;
mod server;
mod stage;
mod workloads;

use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use self::{
    account::Account,
    clients::Clients,
    cluster::Cluster,
    files::USER,
    proxy::Proxy,
    stage::{BASE, GAMES, RIGHTS, Stage},
};

/// How long anything may take. It only bounds a failure; silence is noticed after 90 s.
pub(crate) const SOON: Duration = Duration::from_secs(180);

/// The pause between two checks of a condition that cannot be awaited.
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// Waits until this is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < SOON, "not so after {SOON:?}: {what}");
        sleep(CHECK_EVERY).await;
    }
}
