//! Which container should be reached where, as the world has it.

use std::collections::BTreeMap;

use stalls_lab::metadata::{Container, World};

/// Which container of this world should be reached on which port, from `base` on.
pub(super) fn assignments(world: &World, base: u16) -> BTreeMap<u16, String> {
    let newest = |(port, claimants): (u16, Vec<String>)| Some((port, claimants.last()?.clone()));
    claimants(world, base).into_iter().filter_map(newest).collect()
}

/// The containers that are there to stay with each index, by its port; the oldest comes first.
pub(super) fn claimants(world: &World, base: u16) -> BTreeMap<u16, Vec<String>> {
    let stays = |c: &&Container| c.is_up() && c.state != "stopping";
    let mut running: Vec<_> = world.service("app", "web").containers.iter().filter(stays).collect();
    running.sort_by_key(|container| container.create_index);
    let port = |index: u32| base + u16::try_from(index).expect("an index within the pool") - 1;
    let mut claimants = BTreeMap::<u16, Vec<String>>::new();
    for container in running {
        claimants.entry(port(container.index())).or_default().push(container.uuid.clone());
    }
    claimants
}
