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
    /// The ports of `config` that a successor of the live HAProxy cannot take over from it. Those that it keeps
    /// closed are among them: somebody else may have taken them meanwhile.
    pub(super) fn ports_to_take(&self, config: &HaproxyConfig) -> Vec<u16> {
        let Live::Running { slots, .. } = self.generations.live_state() else { return Vec::new() };
        // It holds nobody knows which ports, most likely all; a probe would find them taken.
        if slots.is_empty() {
            return Vec::new();
        }
        let is_held = |port: &u16| slots.get(port).is_some_and(|slot| slot.is_open);
        config.routes.keys().copied().filter(|port| !is_held(port)).collect()
    }

    /// Looks before HAProxy leaps: for the sake of one port it would not start at all. When `ports` cannot be
    /// bound, the writer is asked to leave them out, and the configuration comes back without them.
    pub(super) fn can_bind(&mut self, ports: &mut dyn Iterator<Item = u16>, ctx: &mut Context<Self>) -> bool {
        let unbindable = self.host.unbindable(ports);
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
            self.writer.do_send(WithholdPorts(self.withheld.clone()));
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
            self.writer.do_send(WithholdPorts(self.withheld.clone()));
        }
        let more = !self.withheld.is_empty();
        self.port_timer = more.then(|| ctx.run_later(PORT_RETRY, Self::try_ports_again));
    }
}
