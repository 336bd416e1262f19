//! What must be true of the steps that lead to a plan.

use std::{net::SocketAddr, time::Duration};

use super::Watch;
use crate::haproxy::Launch;

/// More HAProxies are not started in so long a time, whatever fails.
const MOST_LAUNCHES: (usize, Duration) = (40, Duration::from_secs(10));

impl Watch {
    /// HAProxy is told that this is on a port. Only what is on disk may be live.
    pub(super) fn tell(&mut self, port: u16, route: Option<SocketAddr>) -> Result<(), String> {
        let told = self.life.told.get(&port).copied().unwrap_or(0);
        let later = self.life.files.iter().enumerate().skip(told);
        let on_disk =
            later.filter(|(_, file)| file.get(&port) == Some(&route)).map(|(position, _)| position).next();
        let on_disk =
            on_disk.ok_or_else(|| format!("port {port} is told {route:?}, which is not on disk"))?;
        self.life.told.insert(port, on_disk);
        Ok(())
    }

    pub(super) fn launch(&mut self, launch: &Launch, now: Duration) -> Result<(), String> {
        let newest_told = self.life.told.values().copied().max().unwrap_or(0);
        let routes = &launch.config.routes;
        let on_disk = self.life.files.iter().rposition(|file| file == routes);
        let on_disk = on_disk.ok_or("HAProxy is started with what is not on disk")?;
        if on_disk < newest_told {
            return Err("HAProxy is started with less than it had been told".into());
        }
        self.life.told = routes.keys().map(|port| (*port, on_disk)).collect();
        if launch.config.revision > self.newest_revision {
            return Err(format!("revision {} has not been planned", launch.config.revision));
        }
        self.life.launched.insert(launch.generation);

        self.life.restarts.may_start(launch.inherit, now)?;
        let (most, within) = MOST_LAUNCHES;
        self.launches.push_back(now);
        self.launches.retain(|at| now - *at < within);
        if self.launches.len() > most {
            return Err(format!("more than {most} starts within {within:?}"));
        }
        Ok(())
    }
}
