//! The first two ways: stalls, with the built-in template or with one that asks for handovers.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use stalls_lab::{
    metadata::{MetadataOptions, MetadataServer, World},
    stalls::{Home, Launch, Stalls},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep_until};

use super::{
    site::{Common, Site},
    way::{Change, Done, Way},
};

/// stalls follows ten changes a second at most, for as long as they go on; a few more in a burst.
const PACE: Duration = Duration::from_millis(105);

/// How long anything may take. It only bounds a failure.
const SOON: Duration = Duration::from_secs(30);

/// stalls between a metadata server and the containers.
#[derive(Debug)]
pub(crate) struct Driven {
    // First to be dropped: stalls ends while the metadata server still answers.
    stalls: Stalls,
    server: MetadataServer,
    site: Site,
    /// The place in the log where the last change begins.
    mark: usize,
    changed: Instant,
}

impl Driven {
    /// Starts the metadata server, then stalls; tells also when that was.
    pub(crate) async fn start(
        common: &Common,
        ports: u16,
        template: Option<&Path>,
    ) -> anyhow::Result<(Self, Instant)> {
        let site = Site::reserve(ports);
        let mut options = MetadataOptions::new(World::new(site.container_addresses(), ports.into()));
        options.listen = (site.metadata_ip(), 0).into();
        let server = MetadataServer::start(options).await;
        let mut launch = Launch::at(
            Home::within(&common.directories),
            &common.stalls,
            site.listen_ip(),
            &server.base_url(),
        )
        .env("BACKEND_PORT", common.backend_port)
        .env("BASE_PORT", site.base_port())
        .env("PORT_COUNT", ports)
        .env("HAPROXY_BIN", common.haproxy.display())
        .env("POLL_SLEEP_TIME_MS", 5000)
        .own_process_group();
        if let Some(template) = template {
            launch = launch.env("HAPROXY_TEMPLATE", template.display());
        }
        let begun = Instant::now();
        let stalls = launch.start();
        Ok((Self { stalls, server, site, mark: 0, changed: begun }, begun))
    }

    /// The process id of stalls itself.
    pub(crate) fn pid(&self) -> u32 {
        self.stalls.pid()
    }
}

impl Way for Driven {
    fn site(&self) -> &Site {
        &self.site
    }

    fn address(&self, index: u16) -> Ipv4Addr {
        self.server.read(|world| world.service("app", "web").container(u32::from(index)).address())
    }

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

    async fn settle(&mut self) -> anyhow::Result<()> {
        self.stalls.await_log_from(self.mark, |line| line["msg"] == "plan applied", SOON).await;
        self.server.await_caught_up(SOON).await;
        sleep_until(self.changed + PACE).await;
        Ok(())
    }

    fn haproxy_pids(&self) -> Vec<u32> {
        self.stalls.haproxy_pids()
    }

    fn done(&self) -> Done {
        let mut done = Done::default();
        for line in self.stalls.log_lines() {
            if line["msg"] == "haproxy serves" {
                done.haproxy_processes += 1;
            } else if line["msg"] == "plan applied" {
                *done.steps.entry(line["step"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
            }
        }
        done
    }

    fn fetched(&self) -> Option<OffsetDateTime> {
        let log = self.stalls.log_lines();
        let line = log.get(self.mark..)?.iter().rfind(|line| line["msg"] == "service changed")?;
        OffsetDateTime::parse(line["ts"].as_str()?, &Rfc3339).ok()
    }
}
