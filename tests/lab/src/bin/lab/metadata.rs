//! The metadata service.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use stalls_lab::metadata::{MetadataOptions, MetadataServer, Roster, World};
use tokio::time::sleep;

/// How often it checks its file for changes.
const CHECK_EVERY: Duration = Duration::from_millis(10);

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
