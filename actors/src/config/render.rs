//! From a plan to what HAProxy is to be told. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::template::{Listener, Template, TemplateError, Values};
use crate::allocation::Plan;

/// A connection takes two descriptors, and half a one more for the pipes of splicing.
const DESCRIPTORS_PER_CONNECTION: f64 = 2.5;
/// What HAProxy needs beside connections and listeners, with a margin for a handover.
const RESERVED_DESCRIPTORS: u64 = 100;
/// More connections than one host is asked for; bounds what HAProxy sets aside for an unlimited process.
const MOST_CONNECTIONS: u64 = 100_000;
/// With fewer the pool would not be usable.
const FEWEST_CONNECTIONS: u64 = 10;

/// A configuration, and what it makes of each port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaproxyConfig {
    /// The revision of the plan that it was rendered from.
    pub revision: u64,
    /// The file's text.
    pub text: String,
    /// HAProxy's global connection limit.
    pub maxconn: u64,
    /// The ports that lead to a container, and where.
    pub servers: BTreeMap<u16, SocketAddr>,
    /// The ports that are to refuse.
    pub free: BTreeSet<u16>,
    /// The plan's ports that are left out since they cannot be bound at present.
    pub withheld: BTreeSet<u16>,
}

impl HaproxyConfig {
    /// Every port that HAProxy binds, ascending within used and free.
    pub fn ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.servers.keys().chain(&self.free).copied()
    }
}

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

/// Renders `plan` without the `withheld` ports.
///
/// # Errors
/// See [`RenderError`].
pub fn render(
    plan: &Plan,
    withheld: &BTreeSet<u16>,
    template: &Template,
    settings: ListenSettings,
) -> Result<HaproxyConfig, RenderError> {
    let routes: BTreeMap<u16, Option<SocketAddr>> = plan.routes().collect();
    let (withheld, bound): (BTreeMap<_, _>, BTreeMap<_, _>) =
        routes.into_iter().partition(|(port, _)| withheld.contains(port));
    let maxconn = maxconn(settings.descriptor_limit, bound.len() as u64)?;
    let listeners = bound.iter().map(|(port, server)| Listener {
        port: *port,
        bind: bind(settings.bind_address, *port),
        server: server.map(|server| server.to_string()),
    });
    let text = template.render(&Values { maxconn, listeners: listeners.collect() })?;
    Ok(HaproxyConfig {
        revision: plan.revision,
        text,
        maxconn,
        servers: bound.iter().filter_map(|(port, server)| Some((*port, (*server)?))).collect(),
        free: bound.iter().filter(|(_, server)| server.is_none()).map(|(port, _)| *port).collect(),
        withheld: withheld.into_keys().collect(),
    })
}

/// HAProxy does not start, sometimes without a word, when `maxconn` asks for more than the limit allows.
fn maxconn(limit: u64, ports: u64) -> Result<u64, RenderError> {
    let reserved = ports + RESERVED_DESCRIPTORS;
    let fits = (limit.saturating_sub(reserved) as f64 / DESCRIPTORS_PER_CONNECTION) as u64;
    if fits < FEWEST_CONNECTIONS {
        let needed = reserved + (FEWEST_CONNECTIONS as f64 * DESCRIPTORS_PER_CONNECTION) as u64;
        return Err(RenderError::TooFewDescriptors { limit, ports, needed });
    }
    Ok(fits.min(MOST_CONNECTIONS))
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
        let slots = addresses.iter().map(|(slot, address)| (*slot, occupant(address))).collect();
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
        render(plan, &withheld, &Template::built_in().unwrap(), settings).unwrap()
    }

    #[test]
    fn the_built_in_configuration() {
        let config = rendered(&plan(&[(0, "10.42.0.7"), (2, "fd00::7")]), &[], None);
        insta::assert_snapshot!(config.text);
    }

    #[test]
    fn every_port_is_used_free_or_withheld() {
        let config = rendered(&plan(&[(0, "10.42.0.7"), (1, "10.42.0.8")]), &[5001, 22], None);
        assert_eq!(config.servers, [(5000, "10.42.0.7:8080".parse().unwrap())].into());
        assert_eq!(config.free, [5002].into());
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

    #[test]
    fn maxconn_follows_the_descriptor_limit() {
        assert_eq!(maxconn(1024, 64).unwrap(), 344);
        assert_eq!(maxconn(u64::MAX, 64).unwrap(), MOST_CONNECTIONS);
        let error = maxconn(1024, 5000).unwrap_err().to_string();
        assert!(error.contains("(ulimit -n) to 5125 or more"), "{error}");
        assert_eq!(maxconn(5125, 5000).unwrap(), FEWEST_CONNECTIONS);
    }
}
