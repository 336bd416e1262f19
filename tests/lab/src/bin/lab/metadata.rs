//! The metadata service.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use stalls_lab::{
    metadata::{AddressPool, MetadataOptions, MetadataServer, Roster, World},
    registry::Registry,
};
use tokio::time::sleep;

/// How often it checks its file for changes.
const CHECK_EVERY: Duration = Duration::from_millis(10);

/// It tells of the containers that sign in.
pub(crate) async fn by_registry(listen: SocketAddr, registry: SocketAddr) -> anyhow::Result<()> {
    let empty = World::new(AddressPool::new(Ipv4Addr::UNSPECIFIED, 0), 0);
    let server = Arc::new(serve(listen, empty).await);
    let _registry =
        Registry::start(registry, server).await.with_context(|| format!("cannot listen on {registry}"))?;
    std::future::pending().await
}

/// It tells what a file says, and follows its changes.
pub(crate) async fn by_roster(listen: SocketAddr, file: &Path) -> anyhow::Result<()> {
    let mut told = roster(file)?;
    let server = serve(listen, told.world()).await;
    loop {
        sleep(CHECK_EVERY).await;
        let now = roster(file)?;
        if now != told {
            server.change(|world| *world = now.world());
            told = now;
        }
    }
}

async fn serve(listen: SocketAddr, world: World) -> MetadataServer {
    let mut options = MetadataOptions::new(world);
    options.listen = listen;
    // A restart begins with versions that no client has seen.
    options.seed = fastrand::u64(..);
    MetadataServer::start(options).await
}

fn roster(file: &Path) -> anyhow::Result<Roster> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}
