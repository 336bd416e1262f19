//! Everything that runs during the demo.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use stalls_lab::{
    backend::Fleet,
    block::Block,
    client::{NotYet, await_landing, await_refused},
    metadata::{MetadataOptions, MetadataServer, World},
    stalls::{Launch, Signal, Stalls},
};

use super::{
    mapping::{BACKEND_PORT, Mapping, POOL},
    screen::Screen,
};

/// Where HAProxy listens.
const LISTEN_IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The first port, if it and those behind it are free.
const PREFERRED_BASE_PORT: u16 = 5000;

/// The port of the page, if it is free; else one behind it.
const PREFERRED_ADMIN_PORT: u16 = 8405;

/// How many containers there are at first.
const CONTAINERS: usize = 5;

/// How long connections may drain when stalls ends.
const DRAIN: Duration = Duration::from_secs(2);

/// How long a port may take to do what it should.
const PORT_PATIENCE: Duration = Duration::from_secs(10);

/// How long stalls may take to end.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// The metadata server, the containers, and stalls between them.
pub(crate) struct Stage {
    pub(crate) server: MetadataServer,
    pub(crate) stalls: Stalls,
    pub(crate) base_port: u16,
    /// Where the page of stalls is.
    pub(crate) admin: SocketAddr,
    /// Whether all steps have been played.
    pub(crate) all_shown: bool,
    fleet: Fleet,
    _block: Block,
}

impl Stage {
    /// Starts everything; returns before stalls has mapped anything.
    pub(crate) async fn set_up(stalls: &Path) -> anyhow::Result<Self> {
        let base_port = free_run(PREFERRED_BASE_PORT, POOL).context("no run of free ports")?;
        let admin_port = free_run(PREFERRED_ADMIN_PORT, 1).context("no free port for the page")?;
        let admin = (LISTEN_IP, admin_port).into();
        let block = Block::reserve();
        let mut options = MetadataOptions::new(World::new(block.container_addresses(), CONTAINERS));
        options.listen = (block.metadata_ip(), 0).into();
        let server = MetadataServer::start(options).await;
        let mut fleet = Fleet::new("app", "web", BACKEND_PORT);
        fleet.sync(&server).await;
        let stalls = Launch::new(stalls, LISTEN_IP, &server.base_url())
            .env("BACKEND_PORT", BACKEND_PORT)
            .env("BASE_PORT", base_port)
            .env("PORT_COUNT", POOL)
            .env("DRAIN_MS", DRAIN.as_millis())
            .env("ADMIN_LISTEN", admin)
            // The terminal's Ctrl-C is for the demo, which then ends stalls in good order.
            .own_process_group()
            .start();
        Ok(Self { server, stalls, base_port, admin, all_shown: false, fleet, _block: block })
    }

    /// What should be mapped now.
    pub(crate) fn mapping(&self) -> Mapping {
        self.server.read(|world| Mapping::of(world.service("app", "web"), self.base_port))
    }

    /// One port of HAProxy.
    pub(crate) fn port(&self, port: u16) -> SocketAddr {
        (LISTEN_IP, port).into()
    }

    /// Changes the world, and lets the containers follow.
    pub(crate) async fn change(&mut self, change: impl FnOnce(&mut World)) {
        self.server.change(change);
        self.fleet.sync(&self.server).await;
    }

    /// Waits until every port leads to its container and every free one refuses.
    pub(crate) async fn settled(&self, mapping: &Mapping) -> anyhow::Result<()> {
        let settling = async {
            for (port, container) in mapping.used() {
                await_landing(self.port(port), &container.uuid, PORT_PATIENCE).await?;
            }
            for port in mapping.free() {
                await_refused(self.port(port), PORT_PATIENCE).await?;
            }
            Ok::<_, NotYet>(())
        };
        tokio::select! {
            settled = settling => Ok(settled?),
            () = self.stalls.log_ended() => bail!("stalls has ended by itself"),
        }
    }

    /// Ends stalls, and checks that it leaves no process.
    pub(crate) async fn end(mut self, screen: &Screen) -> anyhow::Result<()> {
        self.stalls.signal(Signal::TERM);
        let Some(status) = self.stalls.try_wait(END_PATIENCE).await else {
            bail!("stalls has not ended within {END_PATIENCE:?} of SIGTERM");
        };
        ensure!(status.success(), "stalls has ended with {status}");
        let left = self.stalls.haproxy_pids();
        ensure!(left.is_empty(), "stalls has left HAProxy running: {left:?}");
        for port in 0..POOL {
            await_refused(self.port(self.base_port + port), Duration::ZERO).await?;
        }
        screen.line("\nstalls has ended, HAProxy too, all ports refuse: nothing is left running.")?;
        Ok(())
    }
}

/// The first port from `preferred` on that begins a run of so many free ones.
fn free_run(preferred: u16, count: u16) -> Option<u16> {
    let mut base = preferred;
    loop {
        let end = base.checked_add(count)?;
        match (base..end).rev().find(|port| TcpListener::bind((LISTEN_IP, *port)).is_err()) {
            None => return Some(base),
            Some(taken) => base = taken + 1,
        }
    }
}
