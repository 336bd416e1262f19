//! What the log says once of each service, and not each time that the source says it.

use std::collections::BTreeSet;

use slog::{Logger, warn};

use super::PublishedUdp;
use crate::domain::{Mapping, ServiceRef};

/// What has been said.
#[derive(Debug, Default)]
pub(super) struct Once {
    /// Whose UDP ports.
    udp: BTreeSet<String>,
    /// Which services have containers of others.
    others: BTreeSet<ServiceRef>,
}

impl Once {
    /// stalls does not forward UDP ports, and one of those that are `published` may be meant for a mapping.
    pub(super) fn tell_of_udp(
        &mut self,
        publisher: &str,
        published: &BTreeSet<PublishedUdp>,
        mappings: &[Mapping],
        log: &Logger,
    ) {
        let is_ours = |udp: &&PublishedUdp| mappings.iter().any(|mapping| udp.concerns(mapping));
        let ours: Vec<_> = published.iter().filter(is_ours).collect();
        if let Some(example) = ours.first()
            && self.udp.insert(publisher.to_owned())
        {
            warn!(log, "UDP ports are published, stalls forwards TCP only";
                "publisher" => publisher, "ports" => ours.len(), "example" => &example.text);
        }
    }

    /// Containers of other services are in this one.
    pub(super) fn tell_of_others(&mut self, service: &ServiceRef, others: &BTreeSet<String>, log: &Logger) {
        if let Some(example) = others.first()
            && self.others.insert(service.clone())
        {
            warn!(log, "containers of other services are mapped without an index, hosts may differ";
                "service" => %service, "services" => others.len(), "example" => example);
        }
    }
}
