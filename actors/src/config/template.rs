//! The handlebars template that becomes the configuration.

use handlebars::{Handlebars, no_escape};
use serde::Serialize;
use thiserror::Error;

const BUILT_IN: &str = include_str!("haproxy.cfg.hbs");
const NAME: &str = "haproxy.cfg";

/// A template that is known to render.
#[derive(Debug)]
pub struct Template {
    registry: Handlebars<'static>,
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
const NEEDED: [(&str, &str); 5] = [
    ("stats socket \"${HAP_CLI}\"", "stats socket \"${HAP_CLI}\""),
    ("level admin", "level admin"),
    ("expose-fd listeners", "expose-fd listeners"),
    ("listen p{{port}}", "listen p5000"),
    ("server c {{server}}", "server c 10.0.0.7:8080"),
];

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
        let template = Self { registry };
        let listener = |port, server| Listener { port, bind: format!("*:{port}"), server };
        let listeners = vec![listener(5000, Some("10.0.0.7:8080".into())), listener(5001, None)];
        let sample = template.render(&Values { maxconn: 1000, listeners })?;
        match NEEDED.into_iter().find(|(_, rendered)| !sample.contains(rendered)) {
            Some((needed, _)) => Err(TemplateError::Lacks(needed)),
            None => Ok(template),
        }
    }

    /// Ends with a newline, whatever the template does: HAProxy insists on it.
    pub(super) fn render(&self, values: &Values) -> Result<String, TemplateError> {
        let mut text =
            self.registry.render(NAME, values).map_err(|error| TemplateError::Render(error.to_string()))?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
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
    fn a_missing_last_newline_is_added() {
        let template = Template::parse(&format!("{BUILT_IN}# end")).unwrap();
        assert!(template.render(&Values { maxconn: 7, listeners: vec![] }).unwrap().ends_with("# end\n"));
    }
}
