//! The handlebars template that becomes the configuration.

use std::net::SocketAddr;

use handlebars::{
    Handlebars, Template as Parsed, no_escape,
    template::{Parameter, TemplateElement},
};
use serde::Serialize;
use thiserror::Error;

const BUILT_IN: &str = include_str!("haproxy.cfg.hbs");
const WHOLE: &str = "haproxy.cfg";
/// What stands before the loop over the listeners, the loop, and what follows it.
const PARTS: [&str; 3] = ["head", "listeners", "foot"];

/// A template that is known to render.
#[derive(Debug)]
pub struct Template {
    registry: Handlebars<'static>,
    is_uniform: bool,
}

/// What a template is given. Numbers and parsed addresses only: nothing that came from outside as text.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Values {
    /// The global connection limit.
    pub(super) maxconn: u64,
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
    #[error("it cannot be rendered: {0}; it may use maxconn, and listeners with port, bind and server")]
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
const SAMPLE_SERVER: &str = "10.0.0.7:8080";

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
            .register_template_string(WHOLE, text)
            .map_err(|error| TemplateError::Parse(error.to_string()))?;
        let mut template = Self { registry, is_uniform: false };
        let listener = |port, server: Option<&str>| Listener {
            port,
            bind: format!("*:{port}"),
            server: server.map(str::to_owned),
        };
        let servers = [Some(SAMPLE_SERVER), None, Some("[fd00::7]:8080"), None];
        let listeners = (5000..).zip(servers).map(|(port, server)| listener(port, server)).collect();
        let sample = Values { maxconn: 1000, listeners };
        let whole = template.render(&sample)?;
        if let Some((needed, _)) = NEEDED.into_iter().find(|(_, rendered)| !whole.contains(rendered)) {
            return Err(TemplateError::Lacks(needed));
        }
        // Parts that cannot be rendered on their own are no mistake: then only the whole can.
        template.is_uniform = template.take_apart()
            && template.render_in_parts(&sample).is_ok_and(|parts| parts == whole)
            && template.is_toggled_by(&[listener(5000, Some(SAMPLE_SERVER)), listener(5000, None)]);
        Ok(template)
    }

    /// Whether the second listener, a free one, is the first with its server disabled.
    fn is_toggled_by(&self, [used, free]: &[Listener; 2]) -> bool {
        let [used, free] = [used, free].map(|listener| self.render_listeners(1000, vec![listener.clone()]));
        used.is_ok_and(|used| free.is_ok_and(|free| is_toggled(&used, &free)))
    }

    /// Whether everything that distinguishes a used port from a free one can be told to a HAProxy that runs: the
    /// server's address, and that it is disabled. If so, the whole is also the sum of its parts: what precedes
    /// the listeners, each of these rendered on its own, and what follows.
    pub fn is_uniform(&self) -> bool {
        self.is_uniform
    }

    /// The whole configuration.
    pub(super) fn render(&self, values: &Values) -> Result<String, TemplateError> {
        self.render_part(WHOLE, values)
    }

    /// What stands before the listeners, and what follows them.
    pub(super) fn render_frame(&self, maxconn: u64) -> Result<(String, String), TemplateError> {
        let [head, _, foot] = PARTS;
        let values = Values { maxconn, listeners: vec![] };
        Ok((self.render_part(head, &values)?, self.render_part(foot, &values)?))
    }

    /// Some listeners on their own.
    pub(super) fn render_listeners(
        &self,
        maxconn: u64,
        listeners: Vec<Listener>,
    ) -> Result<String, TemplateError> {
        let [_, part, _] = PARTS;
        self.render_part(part, &Values { maxconn, listeners })
    }

    fn render_in_parts(&self, values: &Values) -> Result<String, TemplateError> {
        let (mut text, foot) = self.render_frame(values.maxconn)?;
        for listener in &values.listeners {
            text.push_str(&self.render_listeners(values.maxconn, vec![listener.clone()])?);
        }
        Ok(text + &foot)
    }

    fn render_part(&self, part: &str, values: &Values) -> Result<String, TemplateError> {
        self.registry.render(part, values).map_err(|error| TemplateError::Render(error.to_string()))
    }

    /// Registers the parts; false if there is no loop over the listeners to separate them.
    fn take_apart(&mut self) -> bool {
        let Some(whole) = self.registry.get_template(WHOLE) else { return false };
        let Some(at) = whole.elements.iter().position(is_loop_over_listeners) else { return false };
        let (head, rest) = whole.elements.split_at(at);
        let (listeners, foot) = rest.split_at(1);
        let parts = [head, listeners, foot].map(|elements| {
            let mut part = Parsed::default();
            part.elements = elements.to_vec();
            part
        });
        for (name, part) in PARTS.into_iter().zip(parts) {
            self.registry.register_template(name, part);
        }
        true
    }
}

fn is_loop_over_listeners(element: &TemplateElement) -> bool {
    let TemplateElement::HelperBlock(block) = element else { return false };
    let over = block.params.first().and_then(Parameter::as_name);
    block.name.as_name() == Some("each") && over == Some("listeners")
}

/// Whether `free` is `used` with another server's address and the word `disabled` behind it.
fn is_toggled(used: &str, free: &str) -> bool {
    let Some((before, after)) = used.split_once(SAMPLE_SERVER) else { return false };
    let server = free.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    let address = server.and_then(|server| server.strip_suffix(" disabled"));
    address.is_some_and(|address| address.parse::<SocketAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_template_renders() {
        Template::built_in().unwrap();
    }

    #[test]
    fn mistakes_in_a_template_are_found_before_it_is_needed() {
        let unclosed = Template::parse("{{#each listeners}}").unwrap_err();
        assert!(matches!(unclosed, TemplateError::Parse(_)), "{unclosed}");
        let misspelt = Template::parse("maxconn {{maxcon}}").unwrap_err();
        assert!(misspelt.to_string().contains("maxconn, and listeners"), "{misspelt}");
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

    #[test]
    fn the_built_in_template_makes_no_difference_that_haproxy_could_not_be_told() {
        assert!(Template::built_in().unwrap().is_uniform());
    }

    #[test]
    fn a_difference_that_haproxy_could_not_be_told_is_found() {
        let server = "server c {{#if server}}{{server}}{{else}}127.0.0.1:1 disabled{{/if}}";
        let uniform = |by: &str| {
            let changed = BUILT_IN.replace(server, by);
            assert_ne!(changed, BUILT_IN);
            Template::parse(&changed).unwrap().is_uniform()
        };
        let both_checked = format!("{server} check");
        assert!(uniform(&both_checked));
        assert!(uniform("maxconn 7\n    server c {{#if server}}{{server}}{{else}}[::1]:9 disabled{{/if}}"));
        let one_checked = server.replace("{{server}}", "{{server}} check");
        let never_disabled = server.replace(" disabled", "");
        let by_port = server.replace("127.0.0.1:1", "127.0.0.1:{{@index}}");
        let by_place = format!("{server}\n{{{{#if @first}}}}    maxconn 7\n{{{{/if}}}}");
        let otherwise = format!("{server}\n{{{{#if server}}}}    maxconn 7\n{{{{/if}}}}");
        for not_uniform in [one_checked, never_disabled, by_port, by_place, otherwise] {
            assert!(!uniform(&not_uniform), "{not_uniform}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_taken_apart_is_taken_as_a_whole() {
        let server = "{{#if server}}{{server}}{{else}}127.0.0.1:1 disabled{{/if}}";
        let inline = format!("{{{{#*inline \"c\"}}}}{server}{{{{/inline}}}}");
        let by_partial = inline + &BUILT_IN.replace(server, "{{> c}}");
        let by_first = format!("# from {{{{listeners.[0].port}}}}\n{BUILT_IN}");
        for whole in [by_partial, by_first] {
            assert!(!Template::parse(&whole).unwrap().is_uniform(), "{whole}");
        }
    }
}
