//! What must be true of the steps that lead to a plan.

use std::{net::SocketAddr, time::Duration};

use super::Watch;
use crate::{config::Routes, haproxy::Launch};

/// At most so many HAProxies are started within so long a time, whatever fails.
const MAX_LAUNCHES: (usize, Duration) = (40, Duration::from_secs(10));

impl Watch {
    /// HAProxy is told that this is on a port. It never goes back to what an older plan says. A port that a plan does not
    /// have, as after a restart with a smaller pool, is to refuse.
    pub(super) fn tell(&mut self, port: u16, route: Option<SocketAddr>) -> Result<(), String> {
        let told = self.life.told.get(&port).copied().unwrap_or(0);
        let mut later = self.life.routes.iter().enumerate().skip(told);
        let planned = later
            .find(|(_, (_, routes))| routes.get(&port).copied().flatten() == route)
            .map(|(position, _)| position);
        let planned =
            planned.ok_or_else(|| format!("port {port} is told {route:?}, which is not planned"))?;
        self.life.told.insert(port, planned);
        Ok(())
    }

    /// HAProxy is only ever started with the newest plan. One of this very moment may still be on its way to the
    /// supervisor.
    pub(super) fn launch(&mut self, launch: &Launch, now: Duration) -> Result<(), String> {
        let routes = &launch.config.routes;
        let is_of = |planned: &Routes| routes.iter().all(|(port, route)| planned.get(port) == Some(route));
        let under_way = self.life.routes.iter().rev().take_while(|(at, _)| *at == now).count();
        let newest = self.life.routes.iter().enumerate().rev().take(under_way + 1);
        let position = newest.filter(|(_, (_, planned))| is_of(planned)).map(|(position, _)| position).next();
        let position = position
            .ok_or_else(|| format!("HAProxy is started with {routes:?}, which is not the newest plan"))?;
        self.life.told = routes.keys().map(|port| (*port, position)).collect();
        if launch.config.revision > self.newest_revision {
            return Err(format!("revision {} has not been planned", launch.config.revision));
        }
        self.life.launched.insert(launch.generation);

        self.life.restarts.may_start(launch.inherit, now)?;
        let (max, within) = MAX_LAUNCHES;
        self.launches.push_back(now);
        self.launches.retain(|at| now - *at < within);
        if self.launches.len() > max {
            return Err(format!("more than {max} starts within {within:?}"));
        }
        Ok(())
    }
}
