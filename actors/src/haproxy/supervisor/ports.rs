//! Ports of the pool that another program holds: they are left out, and tried again.

use std::{collections::BTreeSet, time::Duration};

use actix::{AsyncContext, Context};
use slog::{error, info};

use super::{
    super::{process::HaproxyHost, runtime_api::RuntimeApi, steps::Live},
    HaproxySupervisor,
};
use crate::{config::HaproxyConfig, messages::WithholdPorts};

/// How often a port that cannot be bound is tried again.
const PORT_RETRY: Duration = Duration::from_secs(1);

impl<H: HaproxyHost, A: RuntimeApi> HaproxySupervisor<H, A> {
    /// Looks before HAProxy leaps: for the sake of one port it would not start at all. When ports cannot be
    /// bound, the writer is asked to leave them out, and the configuration comes back without them.
    pub(super) fn can_bind_ports(&mut self, config: &HaproxyConfig, ctx: &mut Context<Self>) -> bool {
        let held: BTreeSet<u16> = match self.generations.live_config() {
            // Its free ports are closed: somebody else may have taken them meanwhile.
            Live::Running(Some(live)) => live.servers.keys().copied().collect(),
            // It holds nobody knows which ports, most likely all; a probe would find them taken.
            Live::Running(None) => return true,
            Live::None => BTreeSet::new(),
        };
        let unbindable = self.host.unbindable(&mut config.ports().filter(|port| !held.contains(port)));
        if unbindable.is_empty() {
            return true;
        }
        // What is withheld already the writer knows: it tells when it has managed to leave that out.
        let fresh: Vec<_> = unbindable.iter().filter(|taken| !self.withheld.contains(&taken.port)).collect();
        for taken in &fresh {
            error!(self.log, "port cannot be bound, it is left out";
                "port" => taken.port, "error" => %taken.reason, "retry_ms" => PORT_RETRY.as_millis() as u64);
        }
        if !fresh.is_empty() {
            self.withheld.extend(fresh.iter().map(|taken| taken.port));
            self.writer.post(WithholdPorts(self.withheld.clone()));
        }
        self.port_timer.get_or_insert_with(|| ctx.run_later(PORT_RETRY, Self::try_ports_again));
        false
    }

    fn try_ports_again(&mut self, ctx: &mut Context<Self>) {
        let unbindable = self.host.unbindable(&mut self.withheld.iter().copied());
        let still: BTreeSet<u16> = unbindable.iter().map(|taken| taken.port).collect();
        for port in self.withheld.difference(&still) {
            info!(self.log, "port can be bound again"; "port" => port);
        }
        if still != self.withheld {
            self.withheld = still;
            self.writer.post(WithholdPorts(self.withheld.clone()));
        }
        let more = !self.withheld.is_empty();
        self.port_timer = more.then(|| ctx.run_later(PORT_RETRY, Self::try_ports_again));
    }
}
