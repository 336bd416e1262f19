//! The yardstick: HAProxy alone, with the configuration that stalls starts it with.

use std::{fs, net::Ipv4Addr, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use stalls_lab::stalls::Home;
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use super::{
    driven,
    site::{Common, Site},
    way::Pool,
};

/// How long stalls may take to print a configuration.
const SOON: Duration = Duration::from_secs(30);

/// HAProxy, which nothing drives.
#[derive(Debug)]
pub(crate) struct Alone {
    _haproxy: Child,
    home: Home,
    site: Site,
}

impl Alone {
    /// Has stalls print the configuration, then starts HAProxy; tells also when that was.
    pub(crate) async fn start(common: &Common, ports: u16) -> anyhow::Result<(Self, Instant)> {
        let site = Site::reserve(ports);
        let home = Home::within(&common.directories);
        let directory = Path::new(home.path());
        let configuration = directory.join("haproxy.cfg");
        fs::write(&configuration, printed(common, &site).await?).context("the configuration")?;
        let mut command = Command::new(&common.haproxy);
        command.arg("-db").arg("-f").arg(&configuration).env("HAP_CLI", directory.join("cli"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0).kill_on_drop(true);
        let begun = Instant::now();
        let haproxy = command.spawn().context("HAProxy cannot be started")?;
        Ok((Self { _haproxy: haproxy, home, site }, begun))
    }
}

/// The configuration for this site, from `stalls render`.
async fn printed(common: &Common, site: &Site) -> anyhow::Result<String> {
    let server = driven::metadata(site).await?;
    let mut stalls = driven::launch(common, &common.stalls, site, &server).arg("render").start();
    let status = stalls.wait(SOON).await;
    ensure!(status.success(), "stalls prints no configuration, {status}: {:?}", stalls.stderr_lines());
    Ok(stalls.log_texts().join("\n") + "\n")
}

impl Pool for Alone {
    fn site(&self) -> &Site {
        &self.site
    }

    fn address(&self, index: u16) -> Ipv4Addr {
        self.site.container(index)
    }

    fn haproxy_pids(&self) -> Vec<u32> {
        self.home.haproxy_pids()
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}
