//! From plans to configurations. No I/O.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use thiserror::Error;

use super::{
    ConfigText, HaproxyConfig, Routes,
    maxconn::maxconn,
    template::{Listener, Template, TemplateError, Values},
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
    last: Option<(Arc<Plan>, HaproxyConfig)>,
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
    pub fn render(
        &mut self,
        plan: &Arc<Plan>,
        withheld: &BTreeSet<u16>,
    ) -> Result<HaproxyConfig, RenderError> {
        let withheld = withheld.iter().copied().filter(|port| plan.has_port(*port)).collect();
        let last = self.last.take().filter(|(_, config)| config.withheld == withheld);
        let since = last.and_then(|(older, config)| Some((config, plan.routes_since(&older)?)));
        let (config, routes) = match since {
            Some(since) => since,
            None => {
                let used = plan.routes().filter(|(_, server)| server.is_some()).collect();
                (self.all_free(plan, withheld)?, used)
            }
        };
        let config = HaproxyConfig {
            revision: plan.revision,
            still_running: plan.still_running().collect(),
            ..self.amended(config, routes)?
        };
        self.last = Some((Arc::clone(plan), config.clone()));
        Ok(config)
    }

    /// The configuration that has the plan's ports and leads them nowhere; its text is the frame.
    fn all_free(&self, plan: &Plan, withheld: BTreeSet<u16>) -> Result<HaproxyConfig, RenderError> {
        let ports = plan.routes().map(|(port, _)| port).filter(|port| !withheld.contains(port));
        let routes: Routes = ports.map(|port| (port, None)).collect();
        let maxconn = maxconn(self.settings.descriptor_limit, routes.len() as u64)?;
        let text = if self.template.is_uniform() {
            let pages: BTreeSet<u16> = routes.keys().map(|port| Routes::page_of(*port)).collect();
            let section = |page| Ok((page, self.section(maxconn, routes.page(page))?));
            let sections = pages.into_iter().map(section).collect::<Result<_, TemplateError>>()?;
            let (head, foot) = self.template.render_frame(maxconn)?;
            ConfigText { head: head.into(), sections, foot: foot.into() }
        } else {
            self.whole(maxconn, &routes)?
        };
        Ok(HaproxyConfig {
            revision: 0,
            frame: text.to_string().into(),
            text,
            maxconn,
            routes,
            mapped: 0,
            withheld,
            still_running: [].into(),
        })
    }

    /// `config` with other `routes` for some of its ports.
    fn amended(
        &self,
        mut config: HaproxyConfig,
        routes: Vec<(u16, Option<SocketAddr>)>,
    ) -> Result<HaproxyConfig, TemplateError> {
        let mut pages = BTreeSet::new();
        for (port, server) in routes.into_iter().filter(|(port, _)| !config.withheld.contains(port)) {
            let was_used = config.routes.insert(port, server).flatten().is_some();
            config.mapped = config.mapped + usize::from(server.is_some()) - usize::from(was_used);
            pages.insert(Routes::page_of(port));
        }
        if self.template.is_uniform() {
            for page in pages {
                config.text.sections.insert(page, self.section(config.maxconn, config.routes.page(page))?);
            }
        } else {
            config.text = self.whole(config.maxconn, &config.routes)?;
            config.frame = Arc::clone(&config.text.head).into();
        }
        Ok(config)
    }

    fn whole(&self, maxconn: u64, routes: &Routes) -> Result<ConfigText, TemplateError> {
        let listeners = self.listeners(routes.iter());
        Ok(self.template.render(&Values { maxconn, listeners })?.into())
    }

    /// The sections of some neighbouring ports.
    fn section<'a>(
        &self,
        maxconn: u64,
        routes: impl Iterator<Item = (&'a u16, &'a Option<SocketAddr>)>,
    ) -> Result<Arc<str>, TemplateError> {
        Ok(self.template.render_listeners(maxconn, self.listeners(routes))?.into())
    }

    fn listeners<'a>(
        &self,
        routes: impl Iterator<Item = (&'a u16, &'a Option<SocketAddr>)>,
    ) -> Vec<Listener> {
        let listener = |(port, server): (&u16, &Option<SocketAddr>)| Listener {
            port: *port,
            bind: bind(self.settings.bind_address, *port),
            server: server.map(|server| server.to_string()),
        };
        routes.map(listener).collect()
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

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        allocation::MappingPlan,
        domain::{Assignment, Mapping, ServiceRef},
    };

    fn plan(addresses: &[(u16, &str)]) -> Plan {
        let mapping = Mapping {
            service: ServiceRef { stack: None, service: "web".into() },
            backend_port: NonZeroU16::new(8080).unwrap(),
            base_port: NonZeroU16::new(5000).unwrap(),
            port_count: None,
        };
        let occupant = |address: &str| Assignment {
            uuid: "u".into(),
            name: "evil\n    bind *:22".into(),
            address: address.parse().unwrap(),
        };
        let slots = addresses.iter().map(|(slot, address)| (*slot, occupant(address))).collect();
        Plan {
            revision: 7,
            mappings: vec![MappingPlan {
                mapping,
                pool_size: 3,
                slots,
                unmapped: [].into(),
                held: [].into(),
                still_running: [].into(),
            }],
        }
    }

    fn rendered(plan: &Plan, withheld: &[u16], bind_address: Option<&str>) -> HaproxyConfig {
        let bind_address = bind_address.map(|a| a.parse().unwrap());
        let settings = ListenSettings { bind_address, descriptor_limit: 1024 };
        let withheld = withheld.iter().copied().collect();
        Renderer::new(Template::built_in().unwrap(), settings)
            .render(&Arc::new(plan.clone()), &withheld)
            .unwrap()
    }

    #[test]
    fn the_built_in_configuration() {
        let config = rendered(&plan(&[(0, "10.42.0.7"), (2, "fd00::7")]), &[], None);
        insta::assert_snapshot!(config.text.to_string());
    }

    #[test]
    fn every_port_is_used_free_or_withheld() {
        let config = rendered(&plan(&[(0, "10.42.0.7"), (1, "10.42.0.8")]), &[5001, 22], None);
        assert_eq!(config.routes, [(5000, Some("10.42.0.7:8080".parse().unwrap())), (5002, None)].into());
        assert_eq!((config.mapped, config.free()), (1, 1));
        assert_eq!(config.withheld, [5001].into());
        assert!(!config.text.to_string().contains("5001"));
    }

    #[test]
    fn no_name_reaches_the_configuration() {
        assert!(!rendered(&plan(&[(0, "10.42.0.7")]), &[], None).text.to_string().contains("evil"));
    }

    #[test]
    fn listening_on_one_address_or_on_both_families() {
        let text = |bind| rendered(&plan(&[]), &[], Some(bind)).text.to_string();
        assert!(text("127.0.0.9").contains("    bind 127.0.0.9:5000\n"));
        assert!(text("fd00::9").contains("    bind [fd00::9]:5000\n"));
        assert!(text("::").contains("    bind [::]:5000 v4v6\n"));
    }

    proptest! {
        // Handlebars takes its time without optimisation.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_plan_is_rendered_the_same_whatever_was_rendered_before(
            plans in vec((vec((0..40_u16, 0..4_u8), 0..20), 40..=42_u16, vec(5000..5042_u16, 0..3)), 1..6),
        ) {
            let settings = ListenSettings { bind_address: None, descriptor_limit: 1024 };
            let renderer = || Renderer::new(Template::built_in().unwrap(), settings);
            let mut seasoned = renderer();
            for (slots, pool_size, withheld) in plans {
                let slots: Vec<_> = slots.iter().map(|(slot, n)| (*slot, format!("10.42.0.{n}"))).collect();
                let slots: Vec<_> = slots.iter().map(|(slot, address)| (*slot, address.as_str())).collect();
                let mut plan = plan(&slots);
                plan.mappings[0].pool_size = pool_size;
                let (plan, withheld) = (Arc::new(plan), withheld.into_iter().collect());
                let config = seasoned.render(&plan, &withheld).unwrap();
                prop_assert_eq!(config.mapped, config.routes.values().flatten().count());
                prop_assert_eq!(config, renderer().render(&plan, &withheld).unwrap());
            }
        }
    }
}
