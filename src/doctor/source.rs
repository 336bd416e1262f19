//! Whether the metadata can be had, and whether what they say can be reached.

use stalls_actors::{
    allocation::{MappingPlan, Plan},
    domain::PublishedPorts,
    metadata::Fault,
};

use super::{Finding, Kind, Severity, ports_text};
use crate::{
    current_plan::{self, block_on},
    port_ranges::{Ports, text, without},
    settings::Settings,
};

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    match block_on(current_plan::ask(settings, true)) {
        Ok(current) => {
            let faults = current.faults.iter();
            let of_services =
                faults.map(|(service, fault)| no_answer(settings, &format!("about {service} "), fault));
            of_services.chain(unpublished(&current.plan, &current.published)).collect()
        }
        Err(fault) => vec![no_answer(settings, "", &fault)],
    }
}

fn no_answer(settings: &Settings, about: &str, fault: &Fault) -> Finding {
    Finding {
        kind: Kind::Source,
        severity: Severity::Error,
        subject: settings.source.address(),
        reason: format!("it gives no usable answer {about}({}): {fault}", fault.kind),
        remedy:
            "look at what answers there, at SOURCE and its settings, and at the services in SERVICE_NAME or \
                 MAPPINGS and STACK_NAME"
                .to_owned(),
    }
}

/// The containers on ports that stalls' own container does not publish. If it publishes none, it is on the host's network,
/// or clients come to it in another way.
fn unpublished(plan: &Plan, PublishedPorts(published): &PublishedPorts) -> Vec<Finding> {
    if published.is_empty() {
        return Vec::new();
    }
    plan.mappings.iter().filter_map(|mapping| unpublished_of(mapping, published)).collect()
}

fn unpublished_of(plan: &MappingPlan, published: &Ports) -> Option<Finding> {
    let pool = Ports::from_iter([plan.mapping.pool(plan.pool_size)]);
    let missing = without(&pool, published);
    let on_missing = plan.slots.iter().map(|(slot, assignment)| (plan.port(*slot), &assignment.name));
    let on_missing: Vec<_> = on_missing.filter(|(port, _)| missing.contains(port)).collect();
    let only = match text(&(&pool & published)) {
        none if none.is_empty() => "none of the pool is published".to_owned(),
        some => format!("only {some} of the pool are published"),
    };
    let (severity, reason) = match &on_missing[..] {
        [] if missing.is_empty() => return None,
        [] => (Severity::Note, format!("no container has them yet, and {only}")),
        [(port, name)] => (Severity::Warning, format!("container {name} is on {port}, but {only}")),
        [(port, name), rest @ ..] => {
            let more = rest.len();
            (
                Severity::Warning,
                format!("container {name} is on {port}, and {more} more are on others, but {only}"),
            )
        }
    };
    Some(Finding {
        kind: Kind::Unpublished,
        severity,
        subject: ports_text(&missing),
        reason,
        remedy: "publish them in stalls' own service (stalls ports --format rancher prints the list), or run it on the \
                 host's network"
            .to_owned(),
    })
}
