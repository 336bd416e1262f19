//! What an input says of single containers. Pure.

use std::{collections::BTreeSet, iter::zip, sync::Arc};

use itertools::Itertools;

use crate::{
    allocation::{Decider, Input, MappingPlan},
    domain::{Change, Container, Health},
    probing::{Target, Verdict},
};

/// What was said of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The ports that it concerns: that which leads to the container before or after, and that of its index.
    pub ports: BTreeSet<u16>,
    /// The uuid and the name of the container.
    pub container: (Arc<str>, Arc<str>),
    /// What was said: a verb and its object.
    pub what: String,
}

/// What `input`, which has made `after` of `before`, says of single containers.
pub(super) fn causes(input: &Input, before: &Decider, after: &Decider) -> Vec<Cause> {
    match input {
        Input::ServiceChanged(changed) => {
            let changes = before.changes(&changed.service, &changed.snapshot);
            changes.iter().filter_map(|change| listed(change, before, after)).collect()
        }
        Input::Ready(target) => vec![probed(target, "accepts a connection", before, after)],
        Input::Verdict(target, Verdict::Gone) => {
            vec![probed(target, "does not show any more that it is there", before, after)]
        }
        Input::Verdict(target, Verdict::Unknown) => vec![probed(target, "cannot be asked", before, after)],
        Input::TimePassed | Input::GraceOver | Input::Released(_) => Vec::new(),
    }
}

fn listed(change: &Change, before: &Decider, after: &Decider) -> Option<Cause> {
    let Change { was, is } = change;
    let container = is.as_ref().or(was.as_ref())?;
    let what = match (was, is) {
        (Some(was), Some(is)) => format!("is listed otherwise: {}", differences(was, is)),
        (None, _) => {
            let facts = facts(container).into_iter().map(|(what, is)| format!("{what} {is}"));
            format!("is listed: {}", facts.format(", "))
        }
        (Some(_), None) => "is not listed any more".to_owned(),
    };
    let mut ports = ports_of(&container.uuid, before, after);
    for container in [was, is].into_iter().flatten() {
        ports.extend(plans(before, after).filter_map(|plan| port_of_index(plan, container)));
    }
    Some(Cause { ports, container: (Arc::clone(&container.uuid), Arc::clone(&container.name)), what })
}

fn probed(target: &Target, what: &str, before: &Decider, after: &Decider) -> Cause {
    let mut ports = ports_of(&target.uuid, before, after);
    let listed = before.container(&target.uuid);
    if let Some(listed) = listed {
        ports.extend(plans(before, after).filter_map(|plan| port_of_index(plan, listed)));
    }
    // One that lingers is not listed.
    let mut placed = plans(before, after).flat_map(|plan| plan.slots.values());
    let placed = placed.find(|placed| placed.uuid == target.uuid);
    let name = listed.map(|listed| &listed.name).or(placed.map(|placed| &placed.name));
    let container = (Arc::clone(&target.uuid), Arc::clone(name.unwrap_or(&target.uuid)));
    Cause { ports, container, what: format!("{what} ({})", target.backend) }
}

fn plans<'a>(before: &'a Decider, after: &'a Decider) -> impl Iterator<Item = &'a MappingPlan> {
    [before, after].into_iter().filter_map(Decider::plan).flat_map(|plan| &plan.mappings)
}

fn ports_of(uuid: &str, before: &Decider, after: &Decider) -> BTreeSet<u16> {
    let slots = plans(before, after).flat_map(|plan| plan.slots.iter().map(move |slot| (plan, slot)));
    slots.filter(|(_, (_, to))| *to.uuid == *uuid).map(|(plan, (slot, _))| plan.port(*slot)).collect()
}

fn port_of_index(plan: &MappingPlan, container: &Container) -> Option<u16> {
    let slot = u16::try_from(container.index?.get() - 1).ok()?;
    (slot < plan.pool_size).then(|| plan.port(slot))
}

/// What of it is not as it was.
fn differences(was: &Container, is: &Container) -> String {
    let pairs = zip(facts(was), facts(is)).filter(|((_, was), (_, is))| was != is);
    pairs.map(|((what, was), (_, is))| format!("{what} {was} -> {is}")).join(", ")
}

/// All that matters of a container, each with its name.
fn facts(container: &Container) -> [(&'static str, String); 7] {
    let Container { uuid: _, name, index, created, state, address, port, named_ports, health } = container;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let named_ports = named_ports.iter().map(|(name, number)| format!("{name}={number}"));
    let ports =
        port.iter().map(ToString::to_string).chain(named_ports).reduce(|all, port| format!("{all} {port}"));
    let health = health.map(|health| match health {
        Health::Healthy => "healthy".to_owned(),
        Health::NotHealthy => "not healthy".to_owned(),
    });
    [
        ("state", or_none(state.as_ref().map(ToString::to_string))),
        ("address", or_none(address.as_ref().map(ToString::to_string))),
        ("port", or_none(ports)),
        ("index", or_none(index.map(|index| index.to_string()))),
        ("health", or_none(health)),
        ("created", created.to_string()),
        ("name", name.to_string()),
    ]
}
