//! A host: stalls with a HAProxy, three containers and a metadata server.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::PathBuf, time::Duration};

use stalls_lab::{
    backend::Fleet,
    block::Block,
    haproxy,
    metadata::{MetadataOptions, MetadataServer, World},
    stalls::{Launch, Signal, Stalls, messages::PLAN_APPLIED},
};
use tempfile::TempDir;

/// How long anything may take that does not wait for a minute.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Host {
    pub(crate) server: MetadataServer,
    launch: Launch,
    stalls: Stalls,
    haproxy: TempDir,
    block: Block,
    _fleet: Fleet,
}

impl Host {
    /// All of it runs, and the plan is in force.
    pub(crate) async fn new() -> Self {
        let block = Block::reserve();
        let mut options = MetadataOptions::new(World::new(block.container_addresses(), 3));
        options.listen = (block.metadata_ip(), 0).into();
        let server = MetadataServer::start(options).await;
        let mut fleet = Fleet::new("app", "web", 8080);
        fleet.sync(&server).await;
        let name = real_haproxy().file_name().expect("it is a file").to_owned();
        let haproxy = tempfile::tempdir().expect("a temporary directory can be made");
        let launch = Launch::new(env!("CARGO_BIN_EXE_stalls"), block.listen_ip(), &server.base_url())
            .env("ADMIN_LISTEN", block.listen(8405))
            .env("HAPROXY_BIN", link(&haproxy).join(name).display());
        install(&haproxy);
        let stalls = launch.start();
        let host = Self { server, launch, stalls, haproxy, block, _fleet: fleet };
        host.applied().await;
        host
    }

    async fn applied(&self) {
        self.stalls.await_log(|line| line["msg"] == PLAN_APPLIED, SOON).await;
    }

    /// Where stalls answers.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.block.listen(8405)
    }

    /// Kills HAProxy, and makes each start of another one fail.
    pub(crate) fn remove_haproxy(&self) {
        fs::remove_file(link(&self.haproxy)).expect("it is there");
        self.stalls.signal_haproxy(Signal::KILL);
    }

    /// Lets HAProxy start again.
    pub(crate) fn install_haproxy(&self) {
        install(&self.haproxy);
    }

    /// Kills stalls.
    pub(crate) async fn kill(&mut self) {
        self.stalls.kill().await;
    }

    /// Starts stalls after it was killed.
    pub(crate) async fn start(&mut self) {
        self.stalls = self.launch.start();
        self.applied().await;
    }
}

/// Where `HAPROXY_BIN` leads through: without this link there is no HAProxy.
fn link(folder: &TempDir) -> PathBuf {
    folder.path().join("link")
}

fn install(folder: &TempDir) {
    symlink(real_haproxy().parent().expect("it is a path"), link(folder)).expect("it is not there");
}

fn real_haproxy() -> PathBuf {
    haproxy::under_test().expect("tests/monitoring.sh names a HAProxy")
}
