//! From plans to frames, and from configurations to text. No I/O.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use thiserror::Error;

use super::{
    Frame, FrameDigest, HaproxyConfig, Limits,
    servers::Servers,
    template::{Listener, Template, TemplateError, Values},
};
use crate::{allocation::Plan, domain::ProxyProtocol};

/// What concerns every configuration alike.
#[derive(Clone, Copy, Debug)]
pub struct ListenSettings {
    /// The address to listen on; `None` is every IPv4 address, `::` is every address of both families.
    pub bind_address: Option<IpAddr>,
    /// How many descriptors a process may open.
    pub descriptor_limit: u64,
    /// How many connections a port may have; `None` is half of all, or all for a single port.
    pub max_connections_per_port: Option<u64>,
    /// How long a connection may be silent; `None` is as long as HAProxy can tell, 24 days.
    pub idle_timeout: Option<Duration>,
    /// Which version of the PROXY protocol the containers are sent, if any.
    pub send_proxy: Option<ProxyProtocol>,
    /// How often HAProxy checks each container by a connection; `None` is never.
    pub health_check: Option<Duration>,
    /// How many processors a process may use at once.
    pub processors: usize,
}

impl ListenSettings {
    /// The limits of a HAProxy with so many ports.
    ///
    /// # Errors
    /// [`RenderError::TooFewDescriptors`].
    pub fn limits(&self, ports: u64) -> Result<Limits, RenderError> {
        Limits::new(self, ports)
    }
}

/// Why there is no configuration for a plan.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The template fails on this plan's values.
    #[error("the template fails: {0}")]
    Template(#[from] TemplateError),
    /// The process may not open as many descriptors as the pool needs.
    #[error(
        "the descriptor limit of {limit} is too low for a pool of {ports} ports: raise it (ulimit -n) to {needed} or more"
    )]
    TooFewDescriptors {
        /// The limit.
        limit: u64,
        /// The number of ports.
        ports: u64,
        /// The lowest limit that would do.
        needed: u64,
    },
}

/// The template, and what it is rendered with.
#[derive(Debug)]
pub struct Renderer {
    template: Template,
    settings: ListenSettings,
}

impl Renderer {
    /// A renderer with this template.
    pub fn new(template: Template, settings: ListenSettings) -> Self {
        Self { template, settings }
    }

    /// What it renders with.
    pub fn settings(&self) -> ListenSettings {
        self.settings
    }

    /// Whether a running HAProxy can be told of a change of routes; else each is a reload. A constant of the template.
    pub fn updates_at_runtime(&self) -> bool {
        self.template.updates_at_runtime()
    }

    /// The frame for `plan` without the `excluded` ports, before it is proposed.
    ///
    /// # Errors
    /// [`RenderError::TooFewDescriptors`].
    pub fn frame(&self, plan: &Plan, excluded: &BTreeSet<u16>) -> Result<Frame, RenderError> {
        let (ports, excluded): (BTreeSet<u16>, BTreeSet<u16>) =
            plan.routes().map(|(port, _)| port).partition(|port| !excluded.contains(port));
        let limits = Limits::new(&self.settings, ports.len() as u64)?;
        let is_fixed = !self.updates_at_runtime();
        let fixed_routes = is_fixed.then(|| plan.routes().filter(|(port, _)| ports.contains(port)).collect());
        let pools: Vec<_> = plan.pools().collect();
        let digest = FrameDigest::of(
            self.template.source(),
            self.settings.bind_address,
            limits,
            Servers::new(&self.settings),
            &pools,
            &excluded,
            fixed_routes.as_ref(),
        );
        Ok(Frame {
            digest,
            revision: plan.revision,
            proposal: 0,
            pools,
            ports,
            excluded,
            limits,
            fixed_routes,
        })
    }

    /// The text of a configuration. Takes some microseconds for each port.
    ///
    /// # Errors
    /// [`RenderError::Template`].
    pub fn render(&self, config: &HaproxyConfig) -> Result<String, RenderError> {
        let listeners = config.routes.iter().map(|(port, server)| Listener {
            port: *port,
            bind: bind(self.settings.bind_address, *port),
            server: server.map(|server| server.to_string()),
        });
        let values = Values {
            limits: config.frame.limits,
            servers: Servers::new(&self.settings),
            listeners: listeners.collect(),
        };
        Ok(self.template.render(&values)?)
    }
}

fn bind(address: Option<IpAddr>, port: u16) -> String {
    match address {
        None => format!("*:{port}"),
        Some(IpAddr::V6(v6)) if v6.is_unspecified() => format!("[::]:{port} v4v6"),
        Some(address) => SocketAddr::new(address, port).to_string(),
    }
}

#[cfg(test)]
mod tests;
