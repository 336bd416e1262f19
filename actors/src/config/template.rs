//! The handlebars template that becomes the configuration.

use std::net::SocketAddr;

use handlebars::{Handlebars, no_escape};
use serde::Serialize;
use thiserror::Error;

use super::Limits;

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

/// What a template is given. Numbers and parsed addresses only: nothing that came from outside as text.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Values {
    /// `maxconn` and the other limits.
    #[serde(flatten)]
    pub(super) limits: Limits,
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
        "it cannot be rendered: {0}; it may use maxconn, maxconn_per_port, idle_timeout_ms, threads, and listeners with port, bind and server"
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
        let sample = template.render(&sample([true, false, true]))?;
        if let Some((needed, _)) = NEEDED.into_iter().find(|(_, rendered)| !sample.contains(rendered)) {
            return Err(TemplateError::Lacks(needed));
        }
        template.updates_at_runtime = (0..SAMPLE_SERVERS.len()).all(|port| template.is_only_toggled(port));
        Ok(template)
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
        self.registry.render(NAME, values).map_err(|error| TemplateError::Render(error.to_string()))
    }

    /// Whether nothing but the server of a sample port depends on whether that port is used, whatever the others are.
    fn is_only_toggled(&self, port: usize) -> bool {
        [[false; 3], [true; 3], [true, false, true], [false, true, false]].into_iter().all(|others| {
            let [used, free] = [true, false].map(|is_used| {
                let mut used = others;
                used[port] = is_used;
                self.render(&sample(used)).unwrap_or_default()
            });
            is_toggled(&used, &free, SAMPLE_SERVERS[port])
        })
    }
}

/// Sample values, of which these ports are used.
fn sample(used: [bool; 3]) -> Values {
    let samples = (SAMPLE_PORT..).zip(used).zip(SAMPLE_SERVERS);
    let listener = |((port, is_used), server): ((u16, bool), &str)| Listener {
        port,
        bind: format!("*:{port}"),
        server: is_used.then(|| server.to_owned()),
    };
    Values { limits: SAMPLE_LIMITS, listeners: samples.map(listener).collect() }
}

/// Whether `free` is `used` with another address in place of `server`, and the word `disabled` behind it.
fn is_toggled(used: &str, free: &str, server: &str) -> bool {
    let Some((before, after)) = used.split_once(server) else { return false };
    let server = free.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    let address = server.and_then(|server| server.strip_suffix(" disabled"));
    address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A template that makes each change a reload.
    pub(in super::super) const RELOADING: &str = concat!(
        "global\n    stats socket \"${HAP_CLI}\" mode 600 level admin expose-fd listeners\n",
        "{{#each listeners}}listen p{{port}}\n    bind {{bind}}\n",
        "{{#if server}}    server c {{server}}\n{{/if}}{{/each}}"
    );

    #[test]
    fn mistakes_in_a_template_are_found_before_it_is_needed() {
        let unclosed = Template::parse("{{#each listeners}}").unwrap_err();
        assert!(matches!(unclosed, TemplateError::Parse(_)), "{unclosed}");
        let misspelt = Template::parse("maxconn {{maxcon}}").unwrap_err();
        assert!(
            misspelt
                .to_string()
                .contains("maxconn, maxconn_per_port, idle_timeout_ms, threads, and listeners"),
            "{misspelt}"
        );
    }

    #[test]
    fn a_template_that_haproxy_could_not_be_driven_with_says_what_it_lacks() {
        let (all_but_server, _) = NEEDED.split_at(NEEDED.len() - 1);
        for (needed, _) in all_but_server {
            let lacking = BUILT_IN.replace(needed, "");
            let error = Template::parse(&lacking).unwrap_err().to_string();
            assert!(error.contains(needed), "{error}");
        }
    }

    #[test]
    fn a_misspelt_condition_is_found_too() {
        // Handlebars takes what it does not know for false here, strict or not: every port would refuse.
        let misspelt = BUILT_IN.replace("{{#if server}}", "{{#if sever}}");
        assert!(matches!(Template::parse(&misspelt), Err(TemplateError::Lacks("server c {{server}}"))));
    }

    const SERVER: &str = "server c {{#if server}}{{server}}{{else}}127.0.0.1:1 disabled{{/if}}";

    fn updates_at_runtime(instead_of_server: &str) -> bool {
        let changed = BUILT_IN.replace(SERVER, instead_of_server);
        assert_ne!(changed, BUILT_IN);
        Template::parse(&changed).unwrap().updates_at_runtime()
    }

    #[test]
    fn what_haproxy_can_be_told_makes_no_reload() {
        assert!(Template::built_in().unwrap().updates_at_runtime());
        let both_checked = format!("{SERVER} check");
        let elsewhere =
            "maxconn 7\n    server c {{#if server}}{{server}}{{else}}[::1]:9 disabled{{/if}}".to_owned();
        let by_place = format!("{SERVER}\n{{{{#if @first}}}}    maxconn 7\n{{{{/if}}}}");
        let by_port = SERVER.replace("127.0.0.1:1", "127.0.0.1:{{port}}");
        for template in [both_checked, elsewhere, by_place, by_port] {
            assert!(updates_at_runtime(&template), "{template}");
        }
        let inline = format!("{{{{#*inline \"c\"}}}}{SERVER}{{{{/inline}}}}");
        let by_partial = inline + &BUILT_IN.replace(SERVER, "{{> c}}");
        assert!(Template::parse(&by_partial).unwrap().updates_at_runtime());
    }

    #[test]
    fn what_haproxy_cannot_be_told_makes_a_reload() {
        let one_checked = SERVER.replace("{{server}}", "{{server}} check");
        let never_disabled = SERVER.replace(" disabled", "");
        let otherwise = format!("{SERVER}\n{{{{#if server}}}}    maxconn 7\n{{{{/if}}}}");
        let by_another_port =
            format!("{SERVER}\n{{{{#if @root.listeners.[0].server}}}}    maxconn 7\n{{{{/if}}}}");
        let told_twice = format!("{SERVER}\n{{{{#if server}}}}    # {{{{server}}}}\n{{{{/if}}}}");
        for template in [one_checked, never_disabled, otherwise, by_another_port, told_twice] {
            assert!(!updates_at_runtime(&template), "{template}");
        }
        assert!(!Template::parse(RELOADING).unwrap().updates_at_runtime());
    }
}
