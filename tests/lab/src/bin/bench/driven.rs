//! The ways of stalls, with the built-in template or with one that asks for reloads.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use anyhow::Context;
use stalls_lab::{
    metadata::{MetadataOptions, MetadataServer, World},
    stalls::{Home, Launch, Stalls},
};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use super::{
    log::{self, HAPROXY_SERVES, PLAN_APPLIED, SERVICE_CHANGED},
    site::{Common, Site},
    watchers::Watchers,
    way::{Change, Done, Pool, Way},
};

/// stalls follows ten changes a second at most, for as long as they go on; a few more in a burst.
const PACE: Duration = Duration::from_millis(105);

/// How long anything may take. It only bounds a failure.
const SOON: Duration = Duration::from_secs(30);

/// In the version of the metadata that stalls asks for.
const FIRST_REQUEST: &[u8] = b"GET /2015-12-19/version HTTP/1.1\r\nHost: metadata\r\n\r\n";

/// stalls between a metadata server and the containers.
#[derive(Debug)]
pub(crate) struct Driven {
    _watchers: Option<Watchers>,
    // First to be dropped but for them: stalls ends while the metadata server still answers.
    stalls: Stalls,
    server: MetadataServer,
    site: Site,
    /// The place in the log where the last change begins.
    mark: usize,
    changed: Instant,
}

impl Driven {
    /// Starts the metadata server, then this build of stalls; tells also when that was.
    pub(crate) async fn start(
        common: &Common,
        binary: &Path,
        ports: u16,
        template: Option<&Path>,
        watched: bool,
    ) -> anyhow::Result<(Self, Instant)> {
        let site = Site::reserve(ports);
        let server = metadata(&site).await?;
        let mut launch = launch(common, binary, &site, &server).own_process_group();
        if let Some(template) = template {
            launch = launch.env("HAPROXY_TEMPLATE", template.display());
        }
        let begun = Instant::now();
        let stalls = launch.start();
        let watchers = watched.then(|| Watchers::of(&launch.run_dir()));
        Ok((Self { _watchers: watchers, stalls, server, site, mark: 0, changed: begun }, begun))
    }
}

/// A metadata server with a container behind each port of the site. It has answered once: its first answer to a client
/// takes hundreds of milliseconds for thousands of containers, and the start of stalls shall not include them.
pub(crate) async fn metadata(site: &Site) -> anyhow::Result<MetadataServer> {
    let world = World::new(site.container_addresses(), site.ports.into());
    let mut options = MetadataOptions::new(world);
    options.listen = (site.metadata_ip(), 0).into();
    let server = MetadataServer::start(options).await;
    let mut asking = TcpStream::connect(server.address()).await.context("the metadata server")?;
    asking.write_all(FIRST_REQUEST).await.context("the metadata server")?;
    asking.read_u8().await.context("the metadata server")?;
    Ok(server)
}

/// How this build of stalls is started on a site.
pub(crate) fn launch(common: &Common, binary: &Path, site: &Site, server: &MetadataServer) -> Launch {
    Launch::at(Home::within(&common.directories), binary, site.listen_ip(), &server.base_url())
        .env("BACKEND_PORT", common.backend_port)
        .env("BASE_PORT", site.base_port())
        .env("PORT_COUNT", site.ports)
        .env("HAPROXY_BIN", common.haproxy.display())
        .env("POLL_SLEEP_TIME_MS", 5000)
}

impl Pool for Driven {
    fn site(&self) -> &Site {
        &self.site
    }

    fn address(&self, index: u16) -> Ipv4Addr {
        self.server.read(|world| world.service("app", "web").container(u32::from(index)).address())
    }

    fn haproxy_pids(&self) -> Vec<u32> {
        self.stalls.haproxy_pids()
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        self.stalls.await_log_from(self.mark, |line| PLAN_APPLIED.is_in(line), SOON).await;
        self.server.await_caught_up(SOON).await;
        sleep_until(self.changed + PACE).await;
        Ok(())
    }
}

impl Way for Driven {
    async fn replace(&mut self, index: u16) -> anyhow::Result<Change> {
        self.mark = self.stalls.log_mark();
        let address = self.server.change(|world| {
            let mut web = world.web();
            let uuid = web.replace(index.into());
            web.container(&uuid).address()
        });
        self.changed = Instant::now();
        Ok(Change { address, since: self.changed })
    }

    fn done(&self) -> Done {
        let mut done = Done::default();
        for line in self.stalls.log_lines() {
            if HAPROXY_SERVES.is_in(&line) {
                done.haproxy_processes += 1;
            } else if PLAN_APPLIED.is_in(&line) {
                *done.steps.entry(log::step(&line).to_owned()).or_default() += 1;
            }
        }
        done
    }

    fn fetched(&self) -> Option<OffsetDateTime> {
        let log = self.stalls.log_lines();
        let line = log.get(self.mark..)?.iter().rfind(|line| SERVICE_CHANGED.is_in(line))?;
        log::time(line)
    }

    fn driver(&self) -> Option<u32> {
        Some(self.stalls.pid())
    }
}
