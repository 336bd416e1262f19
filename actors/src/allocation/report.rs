//! What the allocator says in the log; each thing once.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use itertools::Itertools;
use slog::{Logger, info, warn};

use super::{
    MappingPlan, NothingMapped, Plan,
    flapping::FlapNews,
    linger::{Affected, LingerNews},
    pool::{Growth, Pool, PoolNews},
};

/// Logs what is new of a pool's size, of its missing and its flapping containers, and why it has none.
pub(super) fn report(log: &Logger, pool: &Pool, news: PoolNews) {
    let log = log.new(slog::o!("service" => pool.service().to_string()));
    let PoolNews { growth, unpublished, lingering, nothing_mapped, flapping } = news;
    report_size(&log, &pool.ports(), growth, unpublished);
    report_lingering(&log, &pool.ports(), lingering);
    match nothing_mapped {
        Some(Err(NothingMapped { kind, reason })) => {
            warn!(log, "no container is mapped, all ports refuse"; "kind" => kind, "reason" => reason);
        }
        Some(Ok(())) => info!(log, "containers are mapped again"),
        None => {}
    }
    report_flapping(&log, flapping);
}

/// Logs that a pool grows, and which of its ports the host does not publish.
fn report_size(
    log: &Logger,
    ports: &RangeInclusive<u16>,
    growth: Option<Growth>,
    unpublished: Option<RangeInclusive<u16>>,
) {
    if let Some(Growth { from, to }) = growth {
        info!(log, "pool grows"; "from" => from, "to" => to,
            "first_port" => ports.start(), "last_port" => ports.end());
    }
    if let Some(ports) = unpublished {
        warn!(log, "ports of the pool are not published, so the host does not lead to them";
            "first_port" => ports.start(), "last_port" => ports.end());
    }
}

/// Logs which containers flap, and which are steady again: a line for those of one moment, with one of them.
fn report_flapping(log: &Logger, news: Vec<FlapNews>) {
    let (damped, steady): (Vec<_>, Vec<_>) =
        news.into_iter().partition(|news| matches!(news, FlapNews::Damped { .. }));
    if let Some(FlapNews::Damped { uuid, name, is_mapped, penalty }) = damped.first() {
        warn!(log, "containers are flapping, their ports are frozen"; "containers" => damped.len(),
            "container" => name, "uuid" => uuid, "mapped" => is_mapped,
            "until_steady_for_ms" => penalty.as_millis() as u64);
    }
    if let Some(FlapNews::Steady { uuid, name }) = steady.first() {
        info!(log, "containers are steady again"; "containers" => steady.len(),
            "container" => name, "uuid" => uuid);
    }
}

/// Logs what has happened to containers that were missing: a line for each kind, however many they are.
fn report_lingering(log: &Logger, ports: &RangeInclusive<u16>, news: BTreeMap<LingerNews, Vec<Affected>>) {
    for (news, affected) in news {
        let Some(Affected { uuid, slot }) = affected.first() else { continue };
        let log = log.new(slog::o!("containers" => affected.len(), "uuid" => Arc::clone(uuid),
            "port" => ports.start() + slot));
        match news {
            LingerNews::Begun => warn!(log, "containers are missing and linger"),
            LingerNews::Unproven => {
                warn!(log, "containers are missing, and were last listed too long ago to linger");
            }
            LingerNews::Expired => warn!(log, "containers lingered for too long"),
            LingerNews::Released => info!(log, "lingering containers were released by a person"),
            LingerNews::Unknown => {
                warn!(log, "lingering containers cannot be asked, out of descriptors or memory");
            }
            LingerNews::Returned => info!(log, "lingering containers are listed again"),
            LingerNews::Gone => info!(log, "lingering containers are gone"),
            LingerNews::AddressTaken => {
                info!(log, "lingering containers gave way, their addresses are others'");
            }
            LingerNews::Superseded => info!(log, "lingering containers gave way, their slots are others'"),
        }
    }
}

/// Logs each slot that changes, and why containers are not mapped.
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
                "container" => &is.name, "uuid" => &is.uuid, "address" => %is.backend,
                "replaces" => was.map(|was| &was.uuid));
        }
    }
    for (slot, freed) in old.iter().filter(|(slot, _)| !new.slots.contains_key(slot)) {
        info!(log, "slot freed"; "port" => new.port(*slot), "container" => &freed.name, "uuid" => &freed.uuid);
    }
}

/// A line for each kind of reason, however many containers have it.
fn report_unmapped(log: &Logger, old: Option<&MappingPlan>, new: &MappingPlan, pool: &Pool) {
    let is_new = |(uuid, reason): &(&_, &_)| old.and_then(|old| old.unmapped.get(*uuid)) != Some(*reason);
    let kinds = new.unmapped.iter().filter(is_new).into_group_map_by(|(_, reason)| reason.kind());
    for (kind, unmapped) in kinds.into_iter().sorted() {
        let Some((uuid, reason)) = unmapped.first() else { continue };
        let example = pool.containers().iter().find(|container| container.uuid == **uuid);
        let log = log.new(slog::o!("containers" => unmapped.len(), "kind" => kind,
            "container" => example.map(|container| container.name.to_string()), "uuid" => (*uuid).clone(),
            "reason" => reason.to_string()));
        if reason.needs_mending() {
            warn!(log, "containers not mapped");
        } else {
            info!(log, "containers not mapped");
        }
    }
}
