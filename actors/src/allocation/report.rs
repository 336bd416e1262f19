//! What the allocator says in the log; each thing once.

use std::{collections::BTreeMap, time::Duration};

use slog::{Logger, info, warn};

use super::{
    Plan,
    flapping::FlapNews,
    pool::{Growth, HoldNews, Pool},
};
use crate::paged_map::PagedMap;

/// Says what is new of a pool's size, its hold and its containers' states.
pub(super) fn report(log: &Logger, pool: &mut Pool, growth: Option<Growth>, now: Duration) {
    let log = log.new(slog::o!("service" => pool.service().to_string()));
    report_size(&log, pool, growth);
    report_hold(&log, pool, now);
    report_flapping(&log, pool);
}

/// Says that a pool grows, and which of its ports do not lead anywhere through the host; once.
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

/// Says whose changes are not followed for a while, and who is steady again; once.
fn report_flapping(log: &Logger, pool: &mut Pool) {
    for news in pool.news_of_flapping() {
        match news {
            FlapNews::Held { uuid, name, is_mapped, hold } => {
                warn!(log, "container changes its state again and again, its port stays as it was";
                    "container" => name, "uuid" => uuid, "mapped" => is_mapped,
                    "until_steady_for_ms" => hold.as_millis() as u64);
            }
            FlapNews::Steady { uuid, name } => info!(log, "container is steady again";
                "container" => name, "uuid" => uuid),
        }
    }
}

/// Says that most ports would have been freed, and what became of that; once.
fn report_hold(log: &Logger, pool: &mut Pool, now: Duration) {
    match pool.news_of_hold() {
        Some(HoldNews::Begun { ports, mapped, until }) => {
            let held_ms = until.saturating_sub(now).as_millis() as u64;
            warn!(log, "most containers are gone all at once, their ports are held";
                "ports" => ports, "mapped" => mapped, "held_ms" => held_ms);
        }
        Some(HoldNews::Ended { freed: 0 }) => {
            info!(log, "ports are held no longer, all have a container");
        }
        Some(HoldNews::Ended { freed }) => {
            warn!(log, "ports are held no longer, their containers stay away";
                "freed" => freed);
        }
        None => {}
    }
}

/// Says of each slot what became of it, and of each container that it is not mapped and why; once.
pub(super) fn report_differences(log: &Logger, old: Option<&Plan>, new: &Plan, pools: &[Pool]) {
    for (position, (plan, pool)) in new.mappings.iter().zip(pools).enumerate() {
        let service = plan.mapping.service.to_string();
        let log = log.new(slog::o!("service" => service, "revision" => new.revision));
        let before = old.and_then(|old| old.mappings.get(position));
        let none = (PagedMap::default(), BTreeMap::new());
        let (old_slots, old_unmapped) = before.map_or((&none.0, &none.1), |b| (&b.slots, &b.unmapped));
        for (slot, was, is) in old_slots.differences(&plan.slots) {
            match (was, is) {
                (_, Some(is)) => info!(log, "slot assigned"; "port" => plan.port(slot),
                    "container" => &is.name, "uuid" => &is.uuid, "address" => %is.address,
                    "replaces" => was.map(|was| &was.uuid)),
                (Some(freed), None) => info!(log, "slot freed"; "port" => plan.port(slot),
                    "container" => &freed.name, "uuid" => &freed.uuid),
                (None, None) => {}
            }
        }
        for (uuid, reason) in plan.unmapped.iter().filter(|(uuid, new)| old_unmapped.get(*uuid) != Some(new))
        {
            let log = log.new(slog::o!("container" => pool.name_of(uuid).map(str::to_owned),
                "uuid" => uuid.clone(), "kind" => reason.kind(), "reason" => reason.to_string()));
            if reason.needs_mending() {
                warn!(log, "container not mapped");
            } else {
                info!(log, "container not mapped");
            }
        }
    }
}
