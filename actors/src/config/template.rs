//! The handlebars template that becomes the configuration.

use std::net::SocketAddr;

use handlebars::{Handlebars, no_escape};
use serde::Serialize;
use thiserror::Error;

use super::{
    Limits, ListenSettings, RenderError,
    servers::{Servers, keyword},
};
use crate::domain::ProxyProtocol;

/// The environment variable through which a configuration learns where the socket of its runtime API is.
pub const CLI_SOCKET_VARIABLE: &str = "HAP_CLI";

const BUILT_IN: &str = include_str!("haproxy.cfg.hbs");
const NAME: &str = "haproxy.cfg";

/// A template that is known to render.
#[derive(Debug)]
pub struct Template {
    registry: Handlebars<'static>,
    source: Box<str>,
    updates_at_runtime: bool,
}

/// What a template is given. Numbers, keywords and parsed addresses only: nothing that came from outside as text.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Values {
    /// `maxconn` and the other limits.
    #[serde(flatten)]
    pub(super) limits: Limits,
    /// `send_proxy` and the health check.
    #[serde(flatten)]
    pub(super) servers: Servers,
    /// One entry for each port of the pool, ascending.
    pub(super) listeners: Vec<Listener>,
}

/// One `listen` section.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Listener {
    /// The port; the section is named `p<port>`.
    pub(super) port: u16,
    /// What follows the keyword `bind`.
    pub(super) bind: String,
    /// `address:port` of the container; absent when the port is to refuse.
    pub(super) server: Option<String>,
}

/// Why a template is no use.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// Handlebars cannot read it.
    #[error("it cannot be parsed: {0}")]
    Parse(String),
    /// It asks for values that there are not.
    #[error(
        "it cannot be rendered: {0}; it may use maxconn, maxconn_per_port, idle_timeout_ms, threads, send_proxy, health_check_interval_ms, and \
         listeners with port, bind and server"
    )]
    Render(String),
    /// stalls could not drive a HAProxy with such a configuration.
    #[error("it must have `{0}`, which stalls needs to drive HAProxy")]
    Lacks(&'static str),
}

/// What a template must have, and what becomes of it with the sample values: the socket of the runtime API with
/// the right to hand the listening sockets on, and a section and a server for each port by the names that
/// commands call them.
const NEEDED: [(&str, &str); 6] = [
    ("stats socket \"${HAP_CLI}\"", "stats socket \"${HAP_CLI}\""),
    ("level admin", "level admin"),
    ("expose-fd listeners", "expose-fd listeners"),
    ("listen p{{port}}", "listen p5000"),
    ("bind {{bind}}", "bind *:5000"),
    ("server c {{server}}", "server c 10.0.0.7:8080"),
];

/// Sample ports from this one on.
const SAMPLE_PORT: u16 = 5000;
const SAMPLE_LIMITS: Limits =
    Limits { maxconn: 1000, maxconn_per_port: 500, idle_timeout_ms: 1000, threads: 2 };
const NO_SERVERS: Servers = Servers { send_proxy: None, health_check_interval_ms: None };
const ALL_SERVERS: Servers =
    Servers { send_proxy: Some("send-proxy-v2"), health_check_interval_ms: Some(1000) };
const SAMPLE_SERVERS: [&str; 3] = ["10.0.0.7:8080", "[fd00::7]:8080", "10.0.0.9:8080"];

impl Template {
    /// The template that stalls comes with.
    ///
    /// # Errors
    /// None in practice: a test renders it.
    pub fn built_in() -> Result<Self, TemplateError> {
        Self::parse(BUILT_IN)
    }

    /// A user's template, tried on sample values.
    ///
    /// # Errors
    /// When it cannot be parsed, uses a value that there is not, or lacks what stalls needs.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(no_escape);
        registry
            .register_template_string(NAME, text)
            .map_err(|error| TemplateError::Parse(error.to_string()))?;
        let mut template = Self { registry, source: text.into(), updates_at_runtime: false };
        let sample = template.render(&sample(NO_SERVERS, [true, false, true]))?;
        if let Some((needed, _)) = NEEDED.into_iter().find(|(_, rendered)| !sample.contains(rendered)) {
            return Err(TemplateError::Lacks(needed));
        }
        template.updates_at_runtime = (0..SAMPLE_SERVERS.len()).all(|port| template.is_only_toggled(port));
        Ok(template)
    }

    /// Whether it is the one that stalls comes with.
    pub fn is_built_in(&self) -> bool {
        *self.source == *BUILT_IN
    }

    /// Whether it has HAProxy send this version of the PROXY protocol if that is set.
    pub fn sends_proxy(&self, version: ProxyProtocol) -> bool {
        let keyword = keyword(version);
        let servers = Servers { send_proxy: Some(keyword), ..NO_SERVERS };
        self.sampled(servers).is_some_and(|text| text.split_whitespace().any(|word| word == keyword))
    }

    /// Whether it makes something of the interval of health checks.
    pub fn checks_health(&self) -> bool {
        self.sampled(NO_SERVERS) != self.sampled(Servers { send_proxy: None, ..ALL_SERVERS })
    }

    fn sampled(&self, servers: Servers) -> Option<String> {
        self.render(&sample(servers, [true; 3])).ok()
    }

    /// A configuration with sample ports, for HAProxy to say what it has against the template.
    ///
    /// # Errors
    /// When it cannot be rendered with these settings.
    pub fn sample(&self, settings: &ListenSettings) -> Result<String, RenderError> {
        let limits = Limits::new(settings, SAMPLE_SERVERS.len() as u64)?;
        let sample = sample(Servers::new(settings), [true, false, true]);
        Ok(self.render(&Values { limits, ..sample })?)
    }

    /// Its text, as it was given.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether all that distinguishes a used port from a free one can be told to a HAProxy that runs: its server's
    /// address, and that the server is disabled.
    pub fn updates_at_runtime(&self) -> bool {
        self.updates_at_runtime
    }

    /// The configuration for these values.
    pub(super) fn render(&self, values: &Values) -> Result<String, TemplateError> {
        let rendered = self.registry.render(NAME, values);
        let mut text = rendered.map_err(|error| TemplateError::Render(error.to_string()))?;
        // HAProxy insists on the last newline.
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }

    /// Whether nothing but the server of a sample port depends on whether that port is used, whatever the others are.
    fn is_only_toggled(&self, port: usize) -> bool {
        let others = [[false; 3], [true; 3], [true, false, true], [false, true, false]];
        let mut cases = others.into_iter().flat_map(|others| [(NO_SERVERS, others), (ALL_SERVERS, others)]);
        cases.all(|(servers, others)| {
            let [used, free] = [true, false].map(|is_used| {
                let mut used = others;
                used[port] = is_used;
                self.render(&sample(servers, used)).unwrap_or_default()
            });
            is_toggled(&used, &free, SAMPLE_SERVERS[port])
        })
    }
}

/// Sample values, of which these ports are used.
fn sample(servers: Servers, used: [bool; 3]) -> Values {
    let samples = (SAMPLE_PORT..).zip(used).zip(SAMPLE_SERVERS);
    let listener = |((port, is_used), server): ((u16, bool), &str)| Listener {
        port,
        bind: format!("*:{port}"),
        server: is_used.then(|| server.to_owned()),
    };
    Values { limits: SAMPLE_LIMITS, servers, listeners: samples.map(listener).collect() }
}

/// Whether `free` is `used` with another address in place of `server`, and the word `disabled` behind it.
fn is_toggled(used: &str, free: &str, server: &str) -> bool {
    let Some((before, after)) = used.split_once(server) else { return false };
    let server = free.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    let address = server.and_then(|server| server.strip_suffix(" disabled"));
    address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
}

#[cfg(test)]
pub(super) mod tests;
