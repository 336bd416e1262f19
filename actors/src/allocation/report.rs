//! What the allocator says in the log; each thing once.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use slog::{Logger, info, warn};

use super::{
    MappingPlan, Plan,
    flapping::FlapNews,
    pool::{Growth, Pool, RemovalNews},
};

/// Logs what is new of a pool's size, its mass removal and its flapping containers.
pub(super) fn report(log: &Logger, pool: &mut Pool, growth: Option<Growth>, now: Duration) {
    let log = log.new(slog::o!("service" => pool.service().to_string()));
    report_size(&log, pool, growth);
    report_mass_removal(&log, pool, now);
    report_flapping(&log, pool);
}

/// Logs that a pool grows, and which of its ports the host does not publish.
fn report_size(log: &Logger, pool: &mut Pool, growth: Option<Growth>) {
    if let Some(Growth { from, to }) = growth {
        let ports = pool.ports();
        info!(log, "pool grows"; "from" => from, "to" => to,
            "first_port" => ports.start(), "last_port" => ports.end());
    }
    if let Some(ports) = pool.newly_unpublished() {
        warn!(log, "ports of the pool are not published, so the host does not lead to them";
            "first_port" => ports.start(), "last_port" => ports.end());
    }
}

/// Logs which containers flap, and which are steady again.
fn report_flapping(log: &Logger, pool: &mut Pool) {
    for news in pool.flap_news() {
        match news {
            FlapNews::Damped { uuid, name, is_mapped, penalty } => {
                warn!(log, "container is flapping, port frozen";
                    "container" => name, "uuid" => uuid, "mapped" => is_mapped,
                    "until_steady_for_ms" => penalty.as_millis() as u64);
            }
            FlapNews::Steady { uuid, name } => info!(log, "container is steady again";
                "container" => name, "uuid" => uuid),
        }
    }
}

/// Logs that a mass removal is held back, and what became of it.
fn report_mass_removal(log: &Logger, pool: &mut Pool, now: Duration) {
    match pool.removal_news() {
        Some(RemovalNews::Begun { ports, mapped, until }) => {
            let held_ms = until.saturating_sub(now).as_millis() as u64;
            warn!(log, "mass removal held back"; "ports" => ports, "mapped" => mapped, "held_ms" => held_ms);
        }
        Some(RemovalNews::Ended { freed: 0 }) => info!(log, "mass removal over, all containers returned"),
        Some(RemovalNews::Ended { freed }) => {
            warn!(log, "held ports released, containers did not return"; "freed" => freed);
        }
        None => {}
    }
}

/// Logs each slot that changes, and each container that is not mapped, with the reason.
pub(super) fn report_differences(log: &Logger, old: Option<&Plan>, new: &Plan, pools: &[Pool]) {
    for (position, (plan, pool)) in new.mappings.iter().zip(pools).enumerate() {
        let service = plan.mapping.service.to_string();
        let log = log.new(slog::o!("service" => service, "revision" => new.revision));
        let old = old.and_then(|old| old.mappings.get(position));
        report_slots(&log, old, plan);
        report_unmapped(&log, old, plan, pool);
    }
}

fn report_slots(log: &Logger, old: Option<&MappingPlan>, new: &MappingPlan) {
    let none = BTreeMap::new();
    let old = old.map_or(&none, |old| &old.slots);
    for (slot, is) in &new.slots {
        let was = old.get(slot);
        if was != Some(is) {
            info!(log, "slot assigned"; "port" => new.port(*slot),
                "container" => &is.name, "uuid" => &is.uuid, "address" => %is.address,
                "replaces" => was.map(|was| &was.uuid));
        }
    }
    for (slot, freed) in old.iter().filter(|(slot, _)| !new.slots.contains_key(slot)) {
        info!(log, "slot freed"; "port" => new.port(*slot), "container" => &freed.name, "uuid" => &freed.uuid);
    }
}

fn report_unmapped(log: &Logger, old: Option<&MappingPlan>, new: &MappingPlan, pool: &Pool) {
    let is_new = |(uuid, reason): &(&_, &_)| old.and_then(|old| old.unmapped.get(*uuid)) != Some(*reason);
    let mut unmapped = new.unmapped.iter().filter(is_new).peekable();
    if unmapped.peek().is_none() {
        return;
    }
    let names: HashMap<&str, &str> = pool.containers().iter().map(|c| (&*c.uuid, &*c.name)).collect();
    for (uuid, reason) in unmapped {
        let log = log.new(slog::o!("container" => names.get(&**uuid).map(|name| (*name).to_owned()),
            "uuid" => uuid.clone(), "kind" => reason.kind(), "reason" => reason.to_string()));
        if reason.needs_mending() {
            warn!(log, "container not mapped");
        } else {
            info!(log, "container not mapped");
        }
    }
}
