//! The other way: as the original program drives HAProxy.
//!
//! For each change it writes the whole configuration anew and starts another HAProxy, which tells the one
//! before to finish (`haproxy -D -f cfg -p pidfile -sf <old pid>`). Here the bench itself does that.

use std::{
    fmt::Write,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use stalls_lab::stalls::Home;
use time::OffsetDateTime;
use tokio::{process::Command, time::Instant};

use super::{
    site::{Common, Site},
    way::{Change, Done, Pool, Way},
};

/// HAProxy with the original's configuration, restarted by the bench.
#[derive(Debug)]
pub(crate) struct Original {
    haproxy: PathBuf,
    backend_port: u16,
    home: Home,
    site: Site,
    /// The address of the container behind each port.
    containers: Vec<Ipv4Addr>,
    /// The address of the next new container.
    next: Ipv4Addr,
    started: usize,
}

impl Original {
    /// Writes the configuration, then starts HAProxy; tells also when that was.
    pub(crate) async fn start(common: &Common, ports: u16) -> anyhow::Result<(Self, Instant)> {
        let site = Site::reserve(ports);
        let mut original = Self {
            haproxy: common.haproxy.clone(),
            backend_port: common.backend_port,
            home: Home::within(&common.directories),
            containers: (1..=ports).map(|index| site.container(index)).collect(),
            next: site.container(ports + 1),
            site,
            started: 0,
        };
        original.write_configuration()?;
        let begun = Instant::now();
        original.start_haproxy().await?;
        Ok((original, begun))
    }

    fn write_configuration(&self) -> anyhow::Result<()> {
        let text = configuration(&self.site, &self.containers, self.backend_port)?;
        fs::write(self.configuration(), text).context("the configuration cannot be written")
    }

    /// Returns when HAProxy serves, which is when the process that was started has left a daemon behind.
    async fn start_haproxy(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(&self.haproxy);
        command.arg("-D").arg("-f").arg(self.configuration()).arg("-p").arg(self.pid_file());
        if let Some(old) = self.serving() {
            command.arg("-sf").arg(old.to_string());
        }
        // An interrupt of the bench must not leave a daemon that has not been started yet.
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.context("HAProxy cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "HAProxy has not started, {}: {said}", output.status);
        self.started += 1;
        Ok(())
    }

    /// The process that was started last.
    fn serving(&self) -> Option<u32> {
        fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()
    }

    fn configuration(&self) -> PathBuf {
        self.file("haproxy.cfg")
    }

    fn pid_file(&self) -> PathBuf {
        self.file("pid")
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.home.path()).join(name)
    }
}

impl Pool for Original {
    fn site(&self) -> &Site {
        &self.site
    }

    fn address(&self, index: u16) -> Ipv4Addr {
        self.containers[usize::from(index) - 1]
    }

    fn haproxy_pids(&self) -> Vec<u32> {
        self.home.haproxy_pids()
    }

    async fn settle(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Way for Original {
    /// Begins when the world changes, and returns when HAProxy has been restarted.
    async fn replace(&mut self, index: u16) -> anyhow::Result<Change> {
        let address = self.next;
        self.next = Ipv4Addr::from_bits(self.next.to_bits() + 1);
        self.containers[usize::from(index) - 1] = address;
        let since = Instant::now();
        self.write_configuration()?;
        self.start_haproxy().await?;
        Ok(Change { address, since })
    }

    fn done(&self) -> Done {
        Done { haproxy_processes: self.started, steps: [("-sf".to_owned(), self.started)].into() }
    }

    fn fetched(&self) -> Option<OffsetDateTime> {
        None
    }

    fn driver(&self) -> Option<u32> {
        None
    }
}

/// The original's configuration: one frontend that listens on every port and tells them apart by ACLs.
fn configuration(site: &Site, containers: &[Ipv4Addr], backend_port: u16) -> Result<String, std::fmt::Error> {
    let mut text = "defaults\n    mode tcp\nfrontend all\n".to_owned();
    let ports = site.base_port()..site.base_port() + site.ports;
    for port in ports.clone() {
        writeln!(text, "    bind {}:{port}", site.listen_ip())?;
    }
    for port in ports.clone() {
        writeln!(text, "    acl p{port} dst_port {port}\n    use_backend b{port} if p{port}")?;
    }
    for (port, container) in ports.zip(containers) {
        writeln!(text, "backend b{port}\n    server c {container}:{backend_port}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frontend_and_a_backend_for_each_port() {
        let site = Site::reserve(2);
        let text = configuration(&site, &[[127, 1, 0, 1].into(), [127, 1, 0, 9].into()], 8080).unwrap();
        let ip = site.listen_ip();
        let expected = format!(
            "defaults\n    mode tcp\n\
             frontend all\n    bind {ip}:5000\n    bind {ip}:5001\n\
             \x20   acl p5000 dst_port 5000\n    use_backend b5000 if p5000\n\
             \x20   acl p5001 dst_port 5001\n    use_backend b5001 if p5001\n\
             backend b5000\n    server c 127.1.0.1:8080\n\
             backend b5001\n    server c 127.1.0.9:8080\n"
        );
        assert_eq!(text, expected);
    }
}
