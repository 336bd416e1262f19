//! From plans to configurations. No I/O.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use thiserror::Error;

use super::{
    Frame, HaproxyConfig,
    maxconn::maxconn,
    template::{Listener, Template, TemplateError, Values, ended},
};
use crate::allocation::Plan;

/// What concerns every configuration alike.
#[derive(Clone, Copy, Debug)]
pub struct ListenSettings {
    /// The address to listen on; `None` is every IPv4 address, `::` is every address of both families.
    pub bind_address: Option<IpAddr>,
    /// How many descriptors a process may open.
    pub descriptor_limit: u64,
}

/// Why a plan cannot be rendered.
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

/// Renders one plan after the other. A port that is the same in both is not rendered again.
#[derive(Debug)]
pub struct Renderer {
    template: Template,
    settings: ListenSettings,
    last: Option<Sheet>,
}

/// A configuration in parts.
#[derive(Debug)]
struct Sheet {
    maxconn: u64,
    frame: Frame,
    head: String,
    sections: BTreeMap<u16, Section>,
    foot: String,
}

#[derive(Debug)]
struct Section {
    server: Option<SocketAddr>,
    text: String,
}

impl Renderer {
    /// A renderer with this template.
    pub fn new(template: Template, settings: ListenSettings) -> Self {
        Self { template, settings, last: None }
    }

    /// What it renders with.
    pub fn settings(&self) -> ListenSettings {
        self.settings
    }

    /// Whether a change of who is on which port leaves the configuration's frame as it is.
    pub fn keeps_frames(&self) -> bool {
        self.template.is_uniform()
    }

    /// Renders `plan` without the `withheld` ports.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn render(&mut self, plan: &Plan, withheld: &BTreeSet<u16>) -> Result<HaproxyConfig, RenderError> {
        let is_withheld = |(port, _): &(u16, _)| withheld.contains(port);
        let routes: BTreeMap<_, _> = plan.routes().filter(|route| !is_withheld(route)).collect();
        let maxconn = maxconn(self.settings.descriptor_limit, routes.len() as u64)?;
        let (frame, text) = if self.template.is_uniform() {
            self.render_in_parts(maxconn, &routes)?
        } else {
            self.render_whole(maxconn, &routes)?
        };
        Ok(HaproxyConfig {
            revision: plan.revision,
            frame,
            text,
            maxconn,
            routes,
            withheld: plan.routes().filter(is_withheld).map(|(port, _)| port).collect(),
            still_running: plan.still_running().collect(),
        })
    }

    fn render_whole(
        &self,
        maxconn: u64,
        routes: &BTreeMap<u16, Option<SocketAddr>>,
    ) -> Result<(Frame, Arc<str>), RenderError> {
        let listeners = routes.iter().map(|(port, server)| self.listener(*port, *server)).collect();
        let text: Arc<str> = self.template.render(&Values { maxconn, listeners })?.into();
        Ok((Arc::clone(&text).into(), text))
    }

    fn render_in_parts(
        &mut self,
        maxconn: u64,
        routes: &BTreeMap<u16, Option<SocketAddr>>,
    ) -> Result<(Frame, Arc<str>), RenderError> {
        let mut sheet = match self.last.take() {
            Some(last) if last.maxconn == maxconn && last.sections.keys().eq(routes.keys()) => last,
            _ => self.empty_sheet(maxconn, routes.keys())?,
        };
        for ((port, section), server) in sheet.sections.iter_mut().zip(routes.values()) {
            if section.server != *server {
                section.text = self.template.render_listener(maxconn, self.listener(*port, *server))?;
                section.server = *server;
            }
        }
        let (frame, text) = (sheet.frame.clone(), sheet.text().into());
        self.last = Some(sheet);
        Ok((frame, text))
    }

    fn empty_sheet<'a>(
        &self,
        maxconn: u64,
        ports: impl Iterator<Item = &'a u16>,
    ) -> Result<Sheet, RenderError> {
        let section = |port: &u16| {
            let text = self.template.render_listener(maxconn, self.listener(*port, None))?;
            Ok((*port, Section { server: None, text }))
        };
        let sections = ports.map(section).collect::<Result<_, TemplateError>>()?;
        let (head, foot) = self.template.render_frame(maxconn)?;
        let mut sheet = Sheet { maxconn, frame: String::new().into(), head, sections, foot };
        sheet.frame = sheet.text().into();
        Ok(sheet)
    }

    fn listener(&self, port: u16, server: Option<SocketAddr>) -> Listener {
        let bind = bind(self.settings.bind_address, port);
        Listener { port, bind, server: server.map(|server| server.to_string()) }
    }
}

impl Sheet {
    fn text(&self) -> String {
        let sections = self.sections.values().map(|section| section.text.as_str());
        let parts: Vec<_> =
            [self.head.as_str()].into_iter().chain(sections).chain([self.foot.as_str()]).collect();
        ended(parts.concat())
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
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::{
        allocation::{MappingPlan, Occupant},
        mapping::{Mapping, ServiceRef},
    };

    fn plan(addresses: &[(u16, &str)]) -> Plan {
        let mapping = Mapping {
            service: ServiceRef { stack: None, service: "web".into() },
            backend_port: NonZeroU16::new(8080).unwrap(),
            base_port: NonZeroU16::new(5000).unwrap(),
            port_count: None,
        };
        let occupant = |address: &str| Occupant {
            uuid: "u".into(),
            name: "evil\n    bind *:22".into(),
            address: address.parse().unwrap(),
        };
        let slots = Arc::new(addresses.iter().map(|(slot, address)| (*slot, occupant(address))).collect());
        Plan {
            revision: 7,
            mappings: vec![MappingPlan {
                mapping,
                pool_size: 3,
                slots,
                unmapped: [].into(),
                still_running: [].into(),
            }],
        }
    }

    fn rendered(plan: &Plan, withheld: &[u16], bind_address: Option<&str>) -> HaproxyConfig {
        let bind_address = bind_address.map(|a| a.parse().unwrap());
        let settings = ListenSettings { bind_address, descriptor_limit: 1024 };
        let withheld = withheld.iter().copied().collect();
        Renderer::new(Template::built_in().unwrap(), settings).render(plan, &withheld).unwrap()
    }

    #[test]
    fn the_built_in_configuration() {
        let config = rendered(&plan(&[(0, "10.42.0.7"), (2, "fd00::7")]), &[], None);
        insta::assert_snapshot!(config.text);
    }

    #[test]
    fn every_port_is_used_free_or_withheld() {
        let config = rendered(&plan(&[(0, "10.42.0.7"), (1, "10.42.0.8")]), &[5001, 22], None);
        assert_eq!(config.routes, [(5000, Some("10.42.0.7:8080".parse().unwrap())), (5002, None)].into());
        assert_eq!((config.mapped(), config.free()), (1, 1));
        assert_eq!(config.withheld, [5001].into());
        assert!(!config.text.contains("5001"));
    }

    #[test]
    fn no_name_reaches_the_configuration() {
        assert!(!rendered(&plan(&[(0, "10.42.0.7")]), &[], None).text.contains("evil"));
    }

    #[test]
    fn listening_on_one_address_or_on_both_families() {
        let text = |bind| rendered(&plan(&[]), &[], Some(bind)).text;
        assert!(text("127.0.0.9").contains("    bind 127.0.0.9:5000\n"));
        assert!(text("fd00::9").contains("    bind [fd00::9]:5000\n"));
        assert!(text("::").contains("    bind [::]:5000 v4v6\n"));
    }
}
